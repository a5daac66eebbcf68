{#-
    By which rule each attribute of a golden record is chosen among a person's records, from the var survivorship; the build
    stops where it is none. Example: survivorship() is {'customer_name': 'most_complete', 'email': 'newest', …}.
-#}
{% macro survivorship() -%}
    {%- set attributes = ['customer_name', 'email', 'address'] -%}
    {%- set rules = ['newest', 'most_frequent', 'most_complete'] -%}
    {%- set given = var('survivorship') -%}
    {%- if given is not mapping or given.keys() | sort != attributes | sort -%}
        {{ exceptions.raise_compiler_error(
            'The var survivorship is ' ~ given ~ '; it has to give a rule for each of ' ~ attributes | join(', ')
            ~ ', and for nothing else, such as {customer_name: most_complete, email: newest, address: newest}.'
        ) }}
    {%- endif -%}
    {%- for attribute in attributes if given[attribute] not in rules -%}
        {{ exceptions.raise_compiler_error(
            "The var survivorship has '" ~ given[attribute] ~ "' for " ~ attribute ~ ', which is no rule. It takes one of '
            ~ rules | join(', ') ~ '.'
        ) }}
    {%- endfor -%}
    {{ return(given) }}
{%- endmacro %}
