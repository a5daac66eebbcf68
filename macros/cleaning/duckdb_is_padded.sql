{#- Whether a text has spaces, tabs, line breaks or no-break spaces around it. Example: duckdb_is_padded('"Name"') -#}
{% macro duckdb_is_padded(text) -%}
    {%- set blank = '[ \\t\\n\\r\\x{A0}]' -%}
    regexp_matches({{ text }}, '^{{ blank }}|{{ blank }}$')
{%- endmacro %}
