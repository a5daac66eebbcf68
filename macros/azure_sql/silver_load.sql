{#-
    Operation, the first step of `c360 load`: empty tables for what is copied, in a schema beside silver: for each of `tables`
    one of its columns, and for the keys of rows that a later part replaces <table>__gone. Heaps, which a bulk copy fills
    fastest; what an earlier load left there is dropped. `text_keys` are the entities whose keys are text in the version to
    load.
-#}
{% macro prepare_silver_load(tables, text_keys=[]) -%}
    {%- do graph.update({'c360_text_keys': text_keys}) -%}
    {%- do adapter.dispatch('prepare_notes')() -%}
    {%- for schema in ['silver', 'silver_load'] -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) -%}
    {%- endfor -%}
    {%- for node in silver_tables() if node.name in tables -%}
        {%- set table = '"silver_load".' ~ quoted(node.alias) -%}
        {%- do run_query(dropped(table) ~ ' create table ' ~ table ~ ' ' ~ sqlserver_columns(node) ~ ';') -%}
        {%- if node.name in relations_by_key() -%}
            {%- set gone = '"silver_load".' ~ quoted(node.alias ~ '__gone') -%}
            {%- set columns = [] -%}
            {%- for column in deduplication(node.name).key -%}
                {%- do columns.append(quoted(column) ~ ' ' ~ sqlserver_stored_type(node.columns[column].data_type)) -%}
            {%- endfor -%}
            {%- do run_query(
                dropped(gone) ~ ' create table ' ~ gone ~ ' (' ~ columns | join(', ') ~ ', "_part" int);'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
{%- endmacro %}


{% macro default__prepare_notes() -%}{%- endmacro %}


{% macro fabric__prepare_notes() -%}
    {%- do make_notes() -%}
    {%- do fold_notes() -%}
{%- endmacro %}


{#-
    Operation, the last step of `c360 load`: in one transaction puts the filled `tables` in the place of silver's, or, of those
    in `added`, their rows in the place of those whose keys are gone. It notes the version, and the entities whose keys are text
    in it, on the schema, and for gold which keys of an entity changed. Dimensions get their primary key; facts are read from
    end to end, which no index helps.
-#}
{% macro publish_silver_load(version, tables, added=[], text_keys=[]) -%}
    {%- set locks = [] -%}
    {%- set moves = [] -%}
    {%- set changes = [] -%}
    {%- set notes = [] -%}
    {%- for node in silver_tables() if node.name in tables -%}
        {#- Readers come to facts first, which stand last. -#}
        {%- do locks.insert(0, locked(node)) -%}
        {%- if node.name in added -%}
            {%- do changes.append(sqlserver_add_rows(node)) -%}
        {%- else -%}
            {%- do moves.append(['silver_load', 'silver', node.alias]) -%}
            {%- if node.config.meta.get('dimension') -%}
                {%- do run_query(
                    'alter table "silver_load".' ~ quoted(node.alias) ~ ' add constraint ' ~ quoted('pk_' ~ node.alias)
                    ~ primary_key(node.config.meta.key)
                ) -%}
            {%- endif -%}
        {%- endif -%}
        {%- if node.name in entities() -%}
            {%- set before = noted_on('silver', 'c360_built', node.alias) if node.name in added else '' -%}
            {%- do notes.append(sqlserver_note_changed_keys(node, version, fromjson(before).epoch if before else none)) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- do run_query(sqlserver_transaction(
        locks | join('\n') ~ changes | join('\n') ~ sqlserver_replace(moves) ~ notes | join('\n')
        ~ note_on('silver', 'c360_version', version) ~ note_on('silver', 'c360_text_keys', tojson(text_keys))
    )) -%}
    {%- do adapter.drop_schema(api.Relation.create(database=target.database, schema='silver_load')) -%}
    {%- do grant_roles() -%}
{%- endmacro %}


{#- The T-SQL that brings newer parts to a table: without the rows of the keys that are gone, with those that came. -#}
{% macro sqlserver_add_rows(node) -%}
    {%- set name = quoted(node.alias) -%}
    {%- if node.name in relations_by_key() %}
    delete from "silver".{{ name }}
    where exists (
        select 1 from "silver_load".{{ quoted(node.alias ~ '__gone') }} as gone
        where {{ same_key(deduplication(node.name).key, 'gone', name) }}
    );
    {%- endif %}
    insert into "silver".{{ name }} ({{ quoted_list(node.columns) }})
    select {{ quoted_list(node.columns) }} from "silver_load".{{ name }};
{%- endmacro %}


{#-
    The T-SQL that keeps the keys of an entity that a loaded version changed, and forgets those that gold has taken in. `epoch` is
    the version that it was loaded whole with. Where that is this one (none), gold is built whole, and there are none to keep.
-#}
{% macro sqlserver_note_changed_keys(node, version, epoch) -%}
    {%- set changed = sqlserver_changed_keys_of(node.alias) -%}
    {%- set key = staging_contract(node.name).key -%}
    {%- if epoch %}
    delete from {{ changed }} where _version <= {{ sql_text(noted_on('gold', 'c360_version')) }};
    insert into {{ changed }} ({{ quoted_list(key + ['_version']) }})
    select {{ quoted_list(key) }}, {{ sql_text(version) }}
    from (
        select {{ quoted_list(key) }} from "silver_load".{{ quoted(node.alias) }}
        union
        select {{ quoted_list(key) }} from "silver_load".{{ quoted(node.alias ~ '__gone') }}
    ) as arrived;
    {%- else %}
    {{ dropped(changed) }}
    create table {{ changed }} (
        {%- for column in key %}
        {{ quoted(column) }} {{ sqlserver_stored_type(node.columns[column].data_type) }},
        {%- endfor %}
        "_version" {{ sqlserver_stored_type('varchar(255)') }}
    );
    {%- endif %}
    {{ note_on('silver', 'c360_built', tojson({
        'epoch': epoch or version, 'version': version, 'deletions_since': ''
    }), node.alias) }}
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
