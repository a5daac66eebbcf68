{#-
    Operation: deletes rows of customers who are forgotten from the tables that dbt snapshots of an earlier version of the product
    kept. No build makes these anew. (In DuckDB they are deleted when the warehouse is written into a new file.)
-#}
{% macro forget_in_snapshots(customer_ids) -%}
    {%- set names = [] -%}
    {%- for id in customer_ids -%}
        {%- do names.append(sql_text(id)) -%}
    {%- endfor -%}
    {%- set tables = run_query(
        "select TABLE_NAME from INFORMATION_SCHEMA.COLUMNS where TABLE_SCHEMA = 'snapshots' and COLUMN_NAME = 'customer_id'"
    ) -%}
    {%- for row in tables.rows if names -%}
        {%- do run_query(
            'delete from ' ~ quoted('snapshots') ~ '.' ~ quoted(row[0])
            ~ ' where cast(customer_id as varchar(64)) in (' ~ names | join(', ') ~ ')'
        ) -%}
    {%- endfor -%}
{%- endmacro %}
