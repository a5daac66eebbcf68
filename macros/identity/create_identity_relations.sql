{#-
    Makes the tables of the source `identity` that are not there yet, empty: nobody has been matched then, and each customer is a
    person of their own. Runs before each invocation. A run fills them with what it found out, or a load does on Azure SQL.
-#}
{% macro create_identity_relations() -%}
    {%- if execute -%}{{ return(adapter.dispatch('create_identity_relations')()) }}{%- endif -%}
{%- endmacro %}


{#- A serverless pool builds silver, which needs none of it. -#}
{% macro synapse__create_identity_relations() -%}{%- endmacro %}


{#- A table with columns of other types, as when keys came to be text, gets those of now. -#}
{% macro duckdb__create_identity_relations() -%}
    {%- do run_query('create schema if not exists identity') -%}
    {%- set there = {} -%}
    {%- for table, column, type in run_query(
        'select table_name, column_name, data_type from duckdb_columns() '
        ~ "where database_name = current_database() and schema_name = 'identity' order by table_name, column_index"
    ).rows -%}
        {%- do there.setdefault(table, {}).update({column: type}) -%}
    {%- endfor -%}
    {%- for source in identity_tables() -%}
        {%- set before = there.get(source.name, {}) -%}
        {%- set values, others = [], [] -%}
        {%- for column in source.columns.values() -%}
            {#- DuckDB keeps no length of a text. -#}
            {%- set type = engine_type(column.data_type).split('(')[0] | upper -%}
            {%- if before.get(column.name) != type -%}{%- do others.append(column.name) -%}{%- endif -%}
            {%- do values.append(
                'try_cast(' ~ (column.name if column.name in before else 'null') ~ ' as ' ~ type ~ ') as ' ~ column.name
            ) -%}
        {%- endfor -%}
        {%- if others -%}
            {%- do run_query(
                'create or replace table identity.' ~ source.name ~ ' as select ' ~ values | join(', ')
                ~ (' from identity.' ~ source.name if before else ' where 1 = 0')
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{% macro sqlserver__create_identity_relations() -%}
    {%- set there = run_query(
        "select name from sys.tables where schema_id = schema_id('identity')"
    ).columns[0].values() | list -%}
    {%- set missing = identity_tables() | rejectattr('name', 'in', there) | list -%}
    {%- if missing -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema='identity')) -%}
        {%- for source in missing -%}
            {%- do run_query('create table "identity".' ~ quoted(source.name) ~ ' ' ~ sqlserver_columns(source)) -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}


{#- The tables of the source, with their columns. -#}
{% macro identity_tables() -%}
    {{ return(graph.sources.values() | selectattr('source_name', 'equalto', 'identity') | list) }}
{%- endmacro %}
