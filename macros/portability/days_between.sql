{#- Whole days from one date to a later one. -#}
{% macro days_between(first, last) -%}
    {{ return(adapter.dispatch('days_between')(first, last)) }}
{%- endmacro %}


{% macro duckdb__days_between(first, last) -%}
    datediff('day', {{ first }}, {{ last }})
{%- endmacro %}


{% macro sqlserver__days_between(first, last) -%}
    datediff(day, {{ first }}, {{ last }})
{%- endmacro %}


{% macro fabric__days_between(first, last) -%}
    {{ return(sqlserver__days_between(first, last)) }}
{%- endmacro %}
