{#- The name of the business time zone (var business_timezone), such as America/Chicago; the build stops when it is none. -#}
{% macro business_timezone() -%}
    {%- set name = var('business_timezone') -%}
    {%- set zones = windows_time_zones() -%}
    {%- if name not in zones -%}
        {%- set near = [] -%}
        {%- for zone, windows_name in zones.items() -%}
            {%- if windows_name == name or (name | string | lower | replace(' ', '_')) in zone | lower -%}
                {%- do near.append(zone) -%}
            {%- endif -%}
        {%- endfor -%}
        {{ exceptions.raise_compiler_error(
            "The var business_timezone is '" ~ name ~ "', which is no time zone. It takes a name of the IANA time zone list, "
            ~ 'such as America/Chicago, Europe/Berlin or UTC'
            ~ (', maybe one of these: ' ~ near[:5] | join(', ') if near and name) ~ '.'
        ) }}
    {%- endif -%}
    {{ return(name) }}
{%- endmacro %}
