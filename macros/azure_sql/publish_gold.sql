{#-
    Operation: publishes what was built with C360_SCHEMA_SUFFIX beside it, in one transaction. Seeds and tables that were built
    whole change places; a table that an increment was built of (the materialization `incremental`) takes it in; the marts
    become views over them; and the schema gold notes the silver version (that of C360_VERSION, or the one that is loaded).
    Readers see all of the old or all of the new. Other objects in these schemas stay as they are. Run it without the suffix:
    dbt run-operation publish_gold --target azure_sql

    What is changed is locked until the end, and all of it at the beginning, in the order in which readers come to it: views,
    facts, dimensions. So a reader waits, and none waits for what the transaction has while it waits for what the reader has.
    Rows come and go so that foreign keys stay in force and no history is checked again: members come before facts
    that point to them, and go after those that did. A key of which one table changes places is added anew, with a check.
-#}
{% macro publish_gold(suffix='_next') -%}
    {%- set models = in_dependency_order(
        graph.nodes.values() | selectattr('resource_type', 'in', ['seed', 'model'])
        | selectattr('schema', 'in', published_schemas()) | list
    ) -%}
    {%- set beside = sqlserver_built_beside(suffix) -%}
    {%- set growing = [] -%}
    {%- set exchanged = [] -%}
    {%- for node in models -%}
        {%- set is_growing = node.config.materialized == 'incremental' and beside.get(node.schema ~ '.' ~ node.alias) == 'V' -%}
        {%- do (growing if is_growing else exchanged).append(node) -%}
    {%- endfor -%}
    {%- do check_that_gold_can_be_published(models, exchanged, beside, suffix) -%}
    {%- for schema in published_schemas() -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) -%}
    {%- endfor -%}
    {%- set version = env_var('C360_VERSION', '') or noted_on('silver', 'c360_version') -%}
    {%- set statements -%}
        {%- for node in in_reading_order(models) %}
        {{ locked(node) }}
        {%- endfor %}
        {{ sqlserver_publish_tables(growing, exchanged, beside, suffix) }}
        {#- What moved is what was tested; only the names in the views' text still have to follow. -#}
        {%- for node in models if node.config.materialized == 'view' %}
        exec(N{{ sql_text('create or alter view ' ~ sqlserver_table(node) ~ ' as ' ~ render(node.raw_code)) }});
        {%- endfor %}
        {%- for node in models if node.config.materialized == 'incremental' %}
        {%- set state = noted_on(node.schema ~ suffix, 'c360_built', node.alias) %}
        {{ note_on(node.schema, 'c360_built', state, node.alias) }}
        {%- endfor %}
        {{ note_on('gold', 'c360_version', version) }}
        {{ complete_keys() }}
    {%- endset -%}
    {%- do run_query(sqlserver_transaction(statements)) -%}
    {%- do log('Published gold and marts, made from silver ' ~ version, info=true) -%}
    {%- for schema in published_schemas() -%}
        {%- do adapter.drop_schema(api.Relation.create(database=target.database, schema=schema ~ suffix)) -%}
    {%- endfor -%}
    {%- do grant_roles() -%}
{%- endmacro %}


{#-
    The T-SQL for the tables: those that are `growing` take in their increments, if there is something in them, those that are
    `exchanged` change places. Of both the lists are in the order of dependencies.
-#}
{% macro sqlserver_publish_tables(growing, exchanged, beside, suffix) -%}
    {#- The calendar is always built whole; where facts stay that point to the one that is there, days come and go in it. -#}
    {%- set calendar = [] -%}
    {%- set moving = [] -%}
    {%- for node in exchanged -%}
        {%- set is_kept = node.name == 'dim_dates' and growing | selectattr('columns.date_key') | list -%}
        {%- do (calendar if is_kept else moving).append(node) -%}
    {%- endfor -%}
    {%- set members, facts = [], [] -%}
    {%- for node in growing if node.schema ~ '.' ~ node.alias ~ '__delta' in beside -%}
        {%- do (members if node.name.startswith('dim_') else facts).append(node) -%}
    {%- endfor -%}
    {%- for node in in_reading_order(moving) if not node.name.startswith('dim_') and node.resource_type != 'seed' %}
    {{ dropped(sqlserver_table(node)) }}
    {%- endfor %}
    {%- for node in members %}
    {{ sqlserver_change_members(node, sqlserver_part(node, 'delta', suffix)) }}
    {{ sqlserver_add_members(node, sqlserver_part(node, 'delta', suffix)) }}
    {%- endfor %}
    {%- for node in calendar %}
    {{ sqlserver_add_members(node, sqlserver_beside(node, suffix)) }}
    {%- endfor %}
    {%- for node in facts %}
    {%- set key = primary_key_of(node) if node.constraints else ['customer_id'] %}
    delete from {{ sqlserver_table(node) }}
    where exists (
        select 1 from {{ sqlserver_part(node, 'gone', suffix) }} as gone
        where {{ same_key(key, 'gone', quoted(node.alias)) }}
    );
    insert into {{ sqlserver_table(node) }} ({{ quoted_list(node.columns) }})
    select {{ quoted_list(node.columns) }} from {{ sqlserver_part(node, 'delta', suffix) }};
    {%- endfor %}
    {%- for node in members | reverse %}
    {{ sqlserver_remove_members(
        node, sqlserver_part(node, 'gone', suffix), sqlserver_part(node, 'delta', suffix)
    ) }}
    {%- endfor %}
    {%- for node in calendar %}
    {{ sqlserver_remove_members(node, sqlserver_table(node), sqlserver_beside(node, suffix)) }}
    {%- endfor %}
    {%- for key in sqlserver_foreign_keys() if key.to_model in moving | map(attribute='name') %}
    if object_id({{ sql_text(key.table) }}, 'U') is not null
        alter table {{ key.table }} drop constraint if exists {{ quoted(key.name) }};
    {%- endfor %}
    {%- for node in in_reading_order(moving) if node.name.startswith('dim_') or node.resource_type == 'seed' %}
    {{ dropped(sqlserver_table(node)) }}
    {%- endfor %}
    {%- for node in in_reading_order(moving) %}
    alter schema {{ quoted(node.schema) }} transfer {{ sqlserver_beside(node, suffix) }};
    {%- endfor %}
    {#- What was built beside may point to the calendar there. -#}
    {%- for key in sqlserver_foreign_keys()
        if key.model in moving | map(attribute='name') and key.to_model not in moving | map(attribute='name') %}
    alter table {{ key.table }} drop constraint if exists {{ quoted(key.name) }};
    {%- endfor %}
{%- endmacro %}


{#- The T-SQL that gives members of a dimension the values that the rows of `given` have. -#}
{% macro sqlserver_change_members(node, given) -%}
    update there
    set
        {%- for column in node.columns | reject('in', primary_key_of(node)) %}
        {{ quoted(column) }} = given.{{ quoted(column) }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ sqlserver_table(node) }} as there
    inner join {{ given }} as given on {{ same_key(primary_key_of(node), 'given', 'there') }};
{%- endmacro %}


{#- The T-SQL that adds the rows of `given` whose keys a dimension does not have. -#}
{% macro sqlserver_add_members(node, given) -%}
    insert into {{ sqlserver_table(node) }} ({{ quoted_list(node.columns) }})
    select {{ quoted_list(node.columns) }} from {{ given }} as given
    where not exists (
        select 1 from {{ sqlserver_table(node) }} as there where {{ same_key(primary_key_of(node), 'given', 'there') }}
    );
{%- endmacro %}


{#-
    The T-SQL that removes from a dimension the members of `gone` that are not `given`. Facts are looked through for each, so it
    is left out where there are none.
-#}
{% macro sqlserver_remove_members(node, gone, given) -%}
    {%- set key = primary_key_of(node) | first -%}
    {%- set leaving -%}
        select gone.{{ key }} from {{ gone }} as gone
        left join {{ given }} as given on gone.{{ key }} = given.{{ key }}
        where given.{{ key }} is null
    {%- endset -%}
    if exists ({{ leaving }})
        delete from {{ sqlserver_table(node) }} where {{ key }} in ({{ leaving }});
{%- endmacro %}


{#- Nodes in the order in which a reader comes to their relations: views, totals, facts, dimensions, seeds. -#}
{% macro in_reading_order(nodes) -%}
    {%- set ordered = [[], [], [], [], []] -%}
    {%- for node in nodes | reverse -%}
        {%- set place = 0 if node.config.materialized == 'view' else 4 if node.resource_type == 'seed'
            else 3 if node.name.startswith('dim_') else 2 if node.name.startswith('fct_') else 1 -%}
        {%- do ordered[place].append(node) -%}
    {%- endfor -%}
    {{ return(ordered | sum(start=[])) }}
{%- endmacro %}


{#- A relation of a node as it was built beside the one that is published. -#}
{% macro sqlserver_beside(node, suffix) -%}
    {{ return(quoted(node.schema ~ suffix) ~ '.' ~ quoted(node.alias)) }}
{%- endmacro %}


{#- What stands beside that which is published: U, a table, or V, a view, by the name that it will have. -#}
{% macro sqlserver_built_beside(suffix) -%}
    {%- set found = {} -%}
    {%- for schema in published_schemas() -%}
        {%- for name, type in run_query(
            "select name, type from sys.objects where type in ('U', 'V') and schema_id = " ~ sqlserver_id(schema ~ suffix)
        ).rows -%}
            {%- do found.update({schema ~ '.' ~ name: type | trim}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- Stops before anything has changed: when part of it was not built, or when others' keys hold what is to be replaced. -#}
{% macro check_that_gold_can_be_published(models, exchanged, beside, suffix) -%}
    {%- set missing = [] -%}
    {%- for node in models if node.schema ~ '.' ~ node.alias not in beside -%}
        {%- do missing.append(node.schema ~ suffix ~ '.' ~ node.alias) -%}
    {%- endfor -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error(
            'Nothing was published: ' ~ missing | join(', ') ~ (' is' if missing | length == 1 else ' are')
            ~ ' not there. Build gold and marts beside what is published first (c360 run --target azure does).'
        ) }}
    {%- endif -%}
    {%- set replaced = [] -%}
    {%- for node in exchanged -%}{%- do replaced.append(node.schema ~ '.' ~ node.alias) -%}{%- endfor -%}
    {%- set declared = sqlserver_foreign_keys() | map(attribute='name') | list -%}
    {%- for schema, table, name, to_schema, to in run_query(
        'select object_schema_name(parent_object_id) as table_schema, object_name(parent_object_id) as table_name, name, '
        ~ 'object_schema_name(referenced_object_id) as referenced_schema, object_name(referenced_object_id) as referenced_name '
        ~ 'from sys.foreign_keys'
    ).rows if to_schema ~ '.' ~ to in replaced and name not in declared -%}
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
