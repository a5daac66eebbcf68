{#-
    The columns of a contracted table on DuckDB, without its keys: DuckDB would keep an index in memory for each, which
    no query of a star schema reads. The tests primary_key and relationships prove them instead.
-#}
{% macro duckdb__get_table_columns_and_constraints() -%}
    (
        {%- for column in model.columns.values() %}
        {{ column.name }} {{ engine_type(column.data_type) }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{#- The same for the `indexes` that the models name, which serve look-ups on Azure SQL. -#}
{% macro duckdb__create_indexes(relation) %}{% endmacro %}
