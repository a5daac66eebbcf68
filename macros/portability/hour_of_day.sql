{#- Hour of the day of a time, 0 to 23. -#}
{% macro hour_of_day(moment) -%}
    {{ return(adapter.dispatch('hour_of_day')(moment)) }}
{%- endmacro %}


{% macro duckdb__hour_of_day(moment) -%}
    hour({{ moment }})
{%- endmacro %}


{% macro sqlserver__hour_of_day(moment) -%}
    datepart(hour, {{ moment }})
{%- endmacro %}


{% macro fabric__hour_of_day(moment) -%}
    {{ return(sqlserver__hour_of_day(moment)) }}
{%- endmacro %}
