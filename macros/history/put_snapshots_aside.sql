{#-
    Operation: gives tables that dbt snapshots of an earlier version of the product kept (schema snapshots) another name, by which
    they stay as they are: <table>_before. Nothing is added to them any more, since histories are computed (history_of).
-#}
{% macro put_snapshots_aside(tables) -%}
    {%- for name in tables -%}
        {%- do adapter.dispatch('rename_table')('snapshots', name, name ~ '_before') -%}
    {%- endfor -%}
{%- endmacro %}


{#- DuckDB renames no table that has an index. -#}
{% macro duckdb__rename_table(schema, name, new_name) -%}
    {%- do run_query(
        'begin; create table ' ~ quoted(schema) ~ '.' ~ quoted(new_name) ~ ' as from ' ~ quoted(schema) ~ '.' ~ quoted(name)
        ~ '; drop table ' ~ quoted(schema) ~ '.' ~ quoted(name) ~ '; commit'
    ) -%}
{%- endmacro %}


{% macro sqlserver__rename_table(schema, name, new_name) -%}
    {%- do run_query('exec sp_rename ' ~ sql_text(schema ~ '.' ~ name) ~ ', ' ~ sql_text(new_name)) -%}
{%- endmacro %}


{#- A serverless pool has no tables. -#}
{% macro default__rename_table(schema, name, new_name) -%}{%- endmacro %}
