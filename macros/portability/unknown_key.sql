{#- The key of the unknown member, in the type of an entity's keys. Example: unknown_key('customers') is cast(-1 as bigint). -#}
{% macro unknown_key(entity) -%}
    {%- set type = 'key(' ~ entity ~ ')' -%}
    {{ return('cast(' ~ ("'-1'" if contract_type(type).startswith('varchar') else '-1') ~ ' as ' ~ engine_type(type) ~ ')') }}
{%- endmacro %}
