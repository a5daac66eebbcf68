{#-
    Makes the relation of the source `runs` where it is not there yet. On DuckDB it is a view of what runs wrote to the lake, so it
    shows each run as soon as that has ended; on Azure SQL a table, which a load fills. Runs before each invocation, and as an
    operation before a load.
-#}
{% macro create_run_relations() -%}
    {%- if execute -%}{{ return(adapter.dispatch('create_run_relations')()) }}{%- endif -%}
{%- endmacro %}


{#- A serverless pool builds silver, which needs none of it. -#}
{% macro synapse__create_run_relations() -%}{%- endmacro %}


{% macro duckdb__create_run_relations() -%}
    {%- set types = {} -%}
    {%- for column in run_source().columns.values() -%}
        {#- DuckDB keeps no length of a text. -#}
        {%- do types.update({column.name: engine_type(column.data_type).split('(')[0]}) -%}
    {%- endfor -%}
    {%- set log = duckdb_lake_pattern('runs', 'log.jsonl') -%}
    {%- set rows -%}
        {%- if duckdb_has_files(log) -%}
        from read_json({{ sql_text(log) }}, format = 'newline_delimited', columns = {{ types | tojson }})
        {%- else -%}
        from ({{ duckdb_empty_relation(types) }})
        {%- endif -%}
    {%- endset -%}
    {%- do run_query('create schema if not exists runs') -%}
    {%- do run_query('create or replace view runs.steps as ' ~ rows) -%}
{%- endmacro %}


{% macro sqlserver__create_run_relations() -%}
    {%- set there = run_query("select name from sys.tables where schema_id = schema_id('runs')").columns[0].values() | list -%}
    {%- if run_source().name not in there -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema='runs')) -%}
        {%- do run_query('create table "runs".' ~ quoted(run_source().name) ~ ' ' ~ sqlserver_columns(run_source())) -%}
    {%- endif -%}
{%- endmacro %}


{#- The source's one relation, with its columns. -#}
{% macro run_source() -%}
    {{ return(graph.sources.values() | selectattr('source_name', 'equalto', 'runs') | first) }}
{%- endmacro %}
