{#-
    The key of the unknown member, in the type of a column with keys of some entities (see contract_type).
    Example: unknown_key('customers') is cast(-1 as bigint).
-#}
{% macro unknown_key(entities) -%}
    {%- set type = 'key(' ~ entities ~ ')' -%}
    {{ return('cast(' ~ ("'-1'" if contract_type(type).startswith('varchar') else '-1') ~ ' as ' ~ engine_type(type) ~ ')') }}
{%- endmacro %}
