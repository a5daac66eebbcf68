{#- Day of the week of a date or time as a number: Monday is 1, Sunday 7, whatever the server's settings. -#}
{% macro day_of_week_number(moment) -%}
    {{ return(adapter.dispatch('day_of_week_number')(moment)) }}
{%- endmacro %}


{% macro duckdb__day_of_week_number(moment) -%}
    isodow({{ moment }})
{%- endmacro %}


{#- 1 January of the year 1 was a Monday. -#}
{% macro sqlserver__day_of_week_number(moment) -%}
    (datediff(day, cast('0001-01-01' as date), {{ moment }}) % 7 + 1)
{%- endmacro %}


{% macro fabric__day_of_week_number(moment) -%}
    {{ return(sqlserver__day_of_week_number(moment)) }}
{%- endmacro %}
