{#-
    Operation, the first step of bringing who is who to Azure SQL: empty tables for what is copied, beside those of the source
    `identity`, which is in use. What an earlier load left there is dropped.
-#}
{% macro prepare_identity_load() -%}
    {%- for schema in ['identity', 'identity_load'] -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) -%}
    {%- endfor -%}
    {%- for source in identity_tables() -%}
        {%- set table = '"identity_load".' ~ quoted(source.name) -%}
        {%- do run_query(dropped(table) ~ ' create table ' ~ table ~ ' ' ~ sqlserver_columns(source) ~ ';') -%}
    {%- endfor -%}
{%- endmacro %}


{#- Operation, the last step: in one transaction puts the filled tables in the place of those in use, and notes their version. -#}
{% macro publish_identity_load(version) -%}
    {%- set moves = [] -%}
    {%- for source in identity_tables() -%}
        {%- do run_query(
            'alter table "identity_load".' ~ quoted(source.name) ~ ' add constraint ' ~ quoted('pk_' ~ source.name)
            ~ primary_key(source.config.meta.key)
        ) -%}
        {%- do moves.append(['identity_load', 'identity', source.name]) -%}
    {%- endfor -%}
    {%- do run_query(sqlserver_transaction(sqlserver_replace(moves) ~ note_on('identity', 'c360_version', version))) -%}
    {%- do adapter.drop_schema(api.Relation.create(database=target.database, schema='identity_load')) -%}
{%- endmacro %}
