{#-
    Operation: puts what was built with C360_SCHEMA_SUFFIX in the place of what is published, in one transaction: seeds and
    gold's tables change places, the marts become views over them, and the schema gold notes the silver version (that of
    C360_VERSION, or the one that is loaded). Readers see all of the old or all of the new. Other objects in these schemas
    stay as they are. Run it without the suffix: dbt run-operation publish_gold --target azure_sql
-#}
{% macro publish_gold(suffix='_next') -%}
    {%- set models = in_dependency_order(
        graph.nodes.values() | selectattr('resource_type', 'in', ['seed', 'model'])
        | selectattr('schema', 'in', published_schemas()) | list
    ) -%}
    {%- set moves = [] -%}
    {%- for node in models -%}
        {%- do moves.append([node.schema ~ suffix, node.schema, node.alias]) -%}
    {%- endfor -%}
    {%- do check_that_gold_can_be_published(moves) -%}
    {%- for schema in published_schemas() -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) -%}
    {%- endfor -%}
    {%- set version = env_var('C360_VERSION', '') or sqlserver_noted('silver', 'c360_version') -%}
    {%- set statements -%}
        {%- for key in sqlserver_foreign_keys() %}
        if object_id({{ sql_text(key.table) }}, 'U') is not null
            alter table {{ key.table }} drop constraint if exists {{ quoted(key.name) }};
        {%- endfor %}
        {{ sqlserver_replace(moves) }}
        {#- What moved is what was tested; only the names in the views' text still have to follow. -#}
        {%- for node in models if node.config.materialized == 'view' %}
        exec(N{{ sql_text('create or alter view ' ~ sqlserver_table(node) ~ ' as ' ~ render(node.raw_code)) }});
        {%- endfor %}
        {{ sqlserver_note('gold', 'c360_version', version) }}
    {%- endset -%}
    {%- do run_query(sqlserver_transaction(statements)) -%}
    {%- do log('Published gold and marts, made from silver ' ~ version, info=true) -%}
    {%- for schema in published_schemas() -%}
        {%- do adapter.drop_schema(api.Relation.create(database=target.database, schema=schema ~ suffix)) -%}
    {%- endfor -%}
    {%- do run_query(grant_reader()) -%}
{%- endmacro %}


{#- Stops before anything has changed: when part of it was not built, or when others' keys hold what is to be replaced. -#}
{% macro check_that_gold_can_be_published(moves) -%}
    {%- set schemas = [] -%}
    {%- for schema in published_schemas() %}{% do schemas.append(sql_text(schema)) %}{% endfor -%}
    {%- set there = run_query(
        "select concat(schema_name(schema_id), '.', name) as name from sys.objects where type in ('U', 'V')"
    ).columns[0].values() | list -%}
    {%- set missing = [] -%}
    {%- for from_schema, schema, name in moves if from_schema ~ '.' ~ name not in there -%}
        {%- do missing.append(from_schema ~ '.' ~ name) -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            'Nothing was published: ' ~ missing | join(', ') ~ (' is' if missing | length == 1 else ' are')
            ~ ' not there. Build gold and marts beside what is published first (c360 run --target azure does).'
        ) }}
    {%- endif -%}
    {%- set declared = sqlserver_foreign_keys() | map(attribute='name') | list -%}
    {%- for schema, table, name, to in run_query(
        'select object_schema_name(parent_object_id) as table_schema, object_name(parent_object_id) as table_name, name, '
        ~ 'object_name(referenced_object_id) as referenced_name from sys.foreign_keys '
        ~ 'where object_schema_name(referenced_object_id) in (' ~ schemas | join(', ') ~ ')'
    ).rows if name not in declared -%}
        {{ exceptions.raise_compiler_error(
            'Nothing was published: the foreign key ' ~ name ~ ' of ' ~ schema ~ '.' ~ table ~ ' points to ' ~ to
            ~ ' and is not part of this project. Drop that key, run again, and add it to the new table.'
        ) }}
    {%- endfor -%}
{%- endmacro %}


{#- Nodes of the graph, each after those that it is made from. -#}
{% macro in_dependency_order(nodes) -%}
    {%- set ordered = [] -%}
    {%- set waiting = nodes | map(attribute='unique_id') | list -%}
    {%- for _ in nodes -%}
        {%- for node in nodes if node.unique_id in waiting -%}
            {%- if not node.depends_on.nodes | default([], true) | select('in', waiting) | list -%}
                {%- do ordered.append(node) -%}
                {%- do waiting.remove(node.unique_id) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(ordered) }}
{%- endmacro %}
