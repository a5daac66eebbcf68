{#-
    What stands between AS and the bracket of a common table expression that is used more than once and should be computed
    where it is used: DuckDB would keep all of its rows and columns. Example: with big as {{ inlined() }}(select …)
-#}
{% macro inlined() -%}
    {{ return(adapter.dispatch('inlined')()) }}
{%- endmacro %}


{% macro duckdb__inlined() -%}{{ return('not materialized ') }}{%- endmacro %}


{% macro sqlserver__inlined() -%}{{ return('') }}{%- endmacro %}


{% macro fabric__inlined() -%}{{ return('') }}{%- endmacro %}
