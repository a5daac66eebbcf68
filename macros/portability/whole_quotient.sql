{#- The whole part of a quotient of two whole numbers that are not negative. Example: whole_quotient('7', '2') is 3. -#}
{% macro whole_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('whole_quotient')(dividend, divisor)) }}
{%- endmacro %}


{% macro duckdb__whole_quotient(dividend, divisor) -%}
    (({{ dividend }}) // ({{ divisor }}))
{%- endmacro %}


{% macro sqlserver__whole_quotient(dividend, divisor) -%}
    (({{ dividend }}) / ({{ divisor }}))
{%- endmacro %}


{% macro fabric__whole_quotient(dividend, divisor) -%}
    {{ return(sqlserver__whole_quotient(dividend, divisor)) }}
{%- endmacro %}
