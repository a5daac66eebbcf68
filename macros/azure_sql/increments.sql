{#-
    What macros/incremental asks an engine, answered by Azure SQL Database. Increments are taken by a run, which builds beside
    what is published (C360_SCHEMA_SUFFIX) from what was loaded, and says which files the project consists of (C360_CODE); by
    hand everything is built whole. What a relation was built from (built()) is noted on its table: it goes where the table
    goes, and ends with it.
-#}
{% macro sqlserver_is_run() -%}
    {{ return(
        env_var('C360_CODE', '') != '' and env_var('C360_SCHEMA_SUFFIX', '') != '' and silver_access() == 'loaded'
    ) }}
{%- endmacro %}


{% macro sqlserver__takes_increments() -%}
    {{ return(sqlserver_is_run() and model.config.materialized == 'incremental') }}
{%- endmacro %}


{% macro sqlserver__adds_to_table() -%}
    {{ return(model.config.materialized == 'incremental' and increment() is not none) }}
{%- endmacro %}


{% macro sqlserver__project_files_code(layer) -%}{{ return(env_var('C360_CODE', '')) }}{%- endmacro %}


{#-
    The states of what is published, and of silver as it was loaded (publish_silver_load). Tests of silver look at what changed
    after the version that gold is of. None where an entity has no state: what changed in it is not known.
-#}
{% macro sqlserver__built_states() -%}
    {%- set states = {} -%}
    {%- if sqlserver_is_run() -%}
        {%- for name, state in run_query(
            'select tables.name, cast(noted.value as nvarchar(4000)) as state from sys.extended_properties as noted '
            ~ 'inner join sys.tables as tables on noted.major_id = tables.object_id '
            ~ "where noted.class = 1 and noted.minor_id = 0 and noted.name = 'c360_built' "
            ~ "and schema_name(tables.schema_id) in ('silver', 'gold', 'marts')"
        ).rows if state -%}
            {%- do states.update({name: state}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(states_since_gold(states)) }}
{%- endmacro %}


{% macro states_since_gold(states) -%}
    {%- set gold = noted_on('gold', 'c360_version') if states else '' -%}
    {%- for name in entities() if states -%}
        {%- if name not in states -%}{{ return([]) }}{%- endif -%}
        {%- set state = fromjson(states[name]) -%}
        {%- do states.update({name: tojson(dict(state, since={'version': gold} if state.epoch <= gold else none))}) -%}
    {%- endfor -%}
    {{ return(states.items() | list) }}
{%- endmacro %}


{#- The state goes with the table; until publish_gold moves it, a view has it. -#}
{% macro sqlserver__note_built(name, state) -%}
    {%- do run_query(note_on(this.schema, 'c360_built', state, this.identifier, 'VIEW' if increment() else 'TABLE')) -%}
{%- endmacro %}


{% macro sqlserver__note_increment() -%}
    {%- if sqlserver_is_run() and model.config.materialized == 'incremental' -%}
        {%- do note_built(model.name, state_of_increment()) -%}
    {%- endif -%}
{%- endmacro %}


{#- Removes what a run that failed left of its schemas. States are read here, before there are threads. -#}
{% macro sqlserver__prepare_increments() -%}
    {%- if sqlserver_is_run() -%}
        {%- do read_built() -%}
        {%- for schema in published_schemas() | reverse -%}
            {%- set beside = api.Relation.create(database=target.database, schema=schema ~ env_var('C360_SCHEMA_SUFFIX')) -%}
            {%- do adapter.drop_schema(beside) -%}
            {%- do adapter.create_schema(beside) -%}
        {%- endfor -%}
        {%- set text = sqlserver_stored_type('varchar(255)') -%}
        {%- do run_query(
            'create table ' ~ changes_relation() ~ ' (relation ' ~ text ~ ', changed_key ' ~ text ~ ', change ' ~ text
            ~ ', version ' ~ text ~ ')'
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#- Of one run, which publishes all that it builds, or nothing. -#}
{% macro sqlserver__changes_relation() -%}
    {{ return(quoted('gold' ~ env_var('C360_SCHEMA_SUFFIX', '')) ~ '."changes"') }}
{%- endmacro %}


{#-
    The table that has the keys of an entity that changed with each loaded version (`_version`): of rows that came, and of rows
    that went.
-#}
{% macro sqlserver_changed_keys_of(entity) -%}
    {{ return('"silver".' ~ quoted(entity ~ '__changed')) }}
{%- endmacro %}


{% macro sqlserver__changed_keys(entity, since) -%}
    select distinct {{ staging_contract(entity).key | join(', ') }}
    from {{ sqlserver_changed_keys_of(entity) }}
    where _version > {{ sql_text(since) }}
{%- endmacro %}


{% macro sqlserver__changed_rows(entity, columns, since) -%}
    select {{ quoted_list(columns) }} from "silver".{{ quoted(entity) }} as there
    where exists (
        select 1 from {{ sqlserver_changed_keys_of(entity) }} as changed
        where changed._version > {{ sql_text(since) }} and {{ same_key(staging_contract(entity).key, 'changed', 'there') }}
    )
{%- endmacro %}


{#- The published table of a model that is built beside it. -#}
{% macro sqlserver_published(node) -%}
    {%- set suffix = env_var('C360_SCHEMA_SUFFIX', '') -%}
    {{ return(quoted(node.schema[:node.schema | length - suffix | length]) ~ '.' ~ quoted(node.alias)) }}
{%- endmacro %}


{% macro sqlserver__published_relation() -%}{{ return(sqlserver_published(model)) }}{%- endmacro %}


{#- Found out once, before the totals are computed (the materialization `incremental`). -#}
{% macro sqlserver__touched_customers(since) -%}
    select customer_id from {{ sqlserver_part(graph.nodes['model.' ~ project_name ~ '.customer_totals'], 'gone') }}
{%- endmacro %}


{#- The tables of an increment that stand beside the view by the model's name: `delta`, the rows that come, and `gone`. -#}
{% macro sqlserver_part(node, part, suffix='') -%}
    {{ return(quoted(node.schema ~ suffix) ~ '.' ~ quoted(node.alias ~ '__' ~ part)) }}
{%- endmacro %}
