{#- A time some whole days after another. Example: add_days_to_time('1', 'arrived_at') -#}
{% macro add_days_to_time(days, moment) -%}
    {{ return(adapter.dispatch('add_days_to_time')(days, moment)) }}
{%- endmacro %}


{% macro duckdb__add_days_to_time(days, moment) -%}
    ({{ moment }} + to_days(cast({{ days }} as integer)))
{%- endmacro %}


{% macro sqlserver__add_days_to_time(days, moment) -%}
    dateadd(day, {{ days }}, {{ moment }})
{%- endmacro %}


{% macro fabric__add_days_to_time(days, moment) -%}
    {{ return(sqlserver__add_days_to_time(days, moment)) }}
{%- endmacro %}
