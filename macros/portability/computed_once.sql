{#-
    What stands between AS and the bracket of a common table expression that is used more than once, has few rows of many, and
    should be computed once, on an engine that can be told so. Example: with few as {{ computed_once() }}(select …)
-#}
{% macro computed_once() -%}
    {{ return(adapter.dispatch('computed_once')()) }}
{%- endmacro %}


{% macro duckdb__computed_once() -%}{{ return('materialized ') }}{%- endmacro %}


{% macro sqlserver__computed_once() -%}{{ return('') }}{%- endmacro %}


{% macro fabric__computed_once() -%}{{ return('') }}{%- endmacro %}
