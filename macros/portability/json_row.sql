{#-
    One JSON object of some columns of the row, nulls included. `columns` maps names in the JSON to expressions.
    Example: json_row({'OrderID': '"OrderID"'})
-#}
{% macro json_row(columns) -%}
    {{ return(adapter.dispatch('json_row')(columns)) }}
{%- endmacro %}


{% macro duckdb__json_row(columns) -%}
    cast(json_object(
        {%- for name, value in columns.items() %}{{ sql_text(name) }}, {{ value }}{{ ', ' if not loop.last }}{% endfor -%}
    ) as varchar)
{%- endmacro %}


{% macro sqlserver__json_row(columns) -%}
    (
        select
            {%- for name, value in columns.items() %} {{ value }} as {{ quoted(name) }}{{ ',' if not loop.last }}{% endfor %}
        for json path, include_null_values, without_array_wrapper
    )
{%- endmacro %}


{% macro synapse__json_row(columns) -%}
    {{ return(sqlserver__json_row(columns)) }}
{%- endmacro %}
