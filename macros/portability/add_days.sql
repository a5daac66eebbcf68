{#- A date some whole days after another. Example: add_days('7', 'join_date') -#}
{% macro add_days(days, day) -%}
    {{ return(adapter.dispatch('add_days')(days, day)) }}
{%- endmacro %}


{% macro duckdb__add_days(days, day) -%}
    cast({{ day }} + to_days(cast({{ days }} as integer)) as date)
{%- endmacro %}


{#- T-SQL may compute it for rows that a filter then drops, where a day beyond the last one would be an error. -#}
{% macro sqlserver__add_days(days, day) -%}
    case when {{ days }} <= datediff(day, {{ day }}, cast('9999-12-31' as date)) then dateadd(day, {{ days }}, {{ day }}) end
{%- endmacro %}


{% macro fabric__add_days(days, day) -%}
    {{ return(sqlserver__add_days(days, day)) }}
{%- endmacro %}
