{#-
    Makes the relations of the source `runs` that are not there yet. `runs.steps` is a view of what runs wrote to the lake on
    DuckDB, so that it shows each run as soon as that has ended, and a table on Azure SQL. `runs.delivery_notes` is a table, which
    a run fills. Runs before each invocation, and as an operation before a load.
-#}
{% macro create_run_relations() -%}
    {%- if execute -%}{{ return(adapter.dispatch('create_run_relations')()) }}{%- endif -%}
{%- endmacro %}


{#- A serverless pool builds silver, which needs none of it. -#}
{% macro synapse__create_run_relations() -%}{%- endmacro %}


{% macro duckdb__create_run_relations() -%}
    {%- do run_query('create schema if not exists runs') -%}
    {%- for source in run_sources() -%}
        {%- set types = {} -%}
        {%- for column in source.columns.values() -%}
            {#- DuckDB keeps no length of a text. -#}
            {%- do types.update({column.name: engine_type(column.data_type).split('(')[0]}) -%}
        {%- endfor -%}
        {%- set log = duckdb_lake_pattern('runs', 'log.jsonl') -%}
        {%- if source.name != 'steps' -%}
            {%- do run_query('create table if not exists runs.' ~ source.name ~ ' as ' ~ duckdb_empty_relation(types)) -%}
        {%- elif duckdb_has_files(log) -%}
            {%- do run_query(
                'create or replace view runs.steps as from read_json(' ~ sql_text(log)
                ~ ", format = 'newline_delimited', columns = " ~ tojson(types) ~ ')'
            ) -%}
        {%- else -%}
            {%- do run_query('create or replace view runs.steps as ' ~ duckdb_empty_relation(types)) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{% macro sqlserver__create_run_relations() -%}
    {%- set there = run_query("select name from sys.tables where schema_id = schema_id('runs')").columns[0].values() | list -%}
    {%- for source in run_sources() if source.name not in there -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema='runs')) -%}
        {%- do run_query('create table "runs".' ~ quoted(source.name) ~ ' ' ~ sqlserver_columns(source)) -%}
    {%- endfor -%}
{%- endmacro %}


{#- The relations of the source, with their columns. -#}
{% macro run_sources() -%}
    {{ return(graph.sources.values() | selectattr('source_name', 'equalto', 'runs') | list) }}
{%- endmacro %}
