{#-
    Operation, the first step of `c360 load`: an empty table for each table of silver, in a schema beside it. Heaps, which
    a bulk copy fills fastest; what an earlier load left there is dropped. `text_keys` are the entities whose keys are text
    in the version to load.
-#}
{% macro prepare_silver_load(text_keys=[]) -%}
    {%- do graph.update({'c360_text_keys': text_keys}) -%}
    {%- for schema in ['silver', 'silver_load'] -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) -%}
    {%- endfor -%}
    {%- for node in silver_tables() -%}
        {%- set table = '"silver_load".' ~ quoted(node.alias) -%}
        {%- do run_query(sqlserver_drop(table) ~ ' create table ' ~ table ~ ' ' ~ sqlserver_columns(node) ~ ';') -%}
    {%- endfor -%}
{%- endmacro %}


{#-
    Operation, the last step of `c360 load`: puts the filled tables in the place of silver's, all in one transaction, and
    notes the version, and the entities whose keys are text in it, on the schema. Dimensions get their primary key; facts are
    read from end to end, once a build, which no index helps.
-#}
{% macro publish_silver_load(version, text_keys=[]) -%}
    {%- set moves = [] -%}
    {%- for node in silver_tables() -%}
        {%- do moves.append(['silver_load', 'silver', node.alias]) -%}
        {%- if node.config.meta.get('dimension') -%}
            {%- do run_query(
                'alter table "silver_load".' ~ quoted(node.alias) ~ ' add constraint ' ~ quoted('pk_' ~ node.alias)
                ~ ' primary key clustered (' ~ quoted_list(node.config.meta.key) ~ ')'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do run_query(sqlserver_transaction(
        sqlserver_replace(moves) ~ sqlserver_note('silver', 'c360_version', version)
        ~ sqlserver_note('silver', 'c360_text_keys', tojson(text_keys))
    )) -%}
    {%- do adapter.drop_schema(api.Relation.create(database=target.database, schema='silver_load')) -%}
{%- endmacro %}


{#- The models whose tables Azure SQL has of silver: the entities in the order of their foreign keys, then the rest. -#}
{% macro silver_tables() -%}
    {%- set names = entities() -%}
    {%- set tables = [] -%}
    {%- for name in names -%}
        {%- do tables.append(graph.nodes['model.' ~ project_name ~ '.' ~ name]) -%}
    {%- endfor -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.schema == 'silver' -%}
        {%- if node.name not in names %}{% do tables.append(node) %}{% endif -%}
    {%- endfor -%}
    {{ return(tables) }}
{%- endmacro %}
