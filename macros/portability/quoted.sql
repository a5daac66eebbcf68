{#- A quoted identifier, in the standard's double quotes that every engine here takes. -#}
{% macro quoted(name) -%}
    {{ return('"' ~ name | replace('"', '""') ~ '"') }}
{%- endmacro %}
