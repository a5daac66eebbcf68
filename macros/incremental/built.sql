{#-
    What a relation was built from, by its model's name; none for one that was not, or not so that more can be added to it:
    - `code`: project_code() of its layer; `epoch`: the version that built it anew;
    - `version`: the newest that it has something of: of a staging model a batch, of any other a silver version;
    - `inputs`: epoch and version of each model that it was made from, as they were then;
    - `parts`: of what stands in the lake, the versions whose folders it is read from; `rows`, how many it has; `lake`, where;
    - of an entity of silver, `replaced`, how many rows of the parts no longer count; `newest`, its newest delivery; on Synapse
      `changes`, the versions that say of rows that do not count, and of staging `taken`, up to which batch each part goes;
    - `deletions_since`: changes before this version are not told any more;
    - `since`: what the last build took in is after these versions, its own or those of its inputs; none when it was built anew.
    It stands in the warehouse beside the relations, and changes with them. Read once an invocation.
-#}
{% macro built(name) -%}
    {%- set known = graph.get('c360_built') -%}
    {{ return((read_built() if known is none else known).get(name)) }}
{%- endmacro %}


{% macro read_built() -%}
    {%- set found = {} -%}
    {%- for name, state in adapter.dispatch('built_states')() -%}{%- do found.update({name: fromjson(state)}) -%}{%- endfor -%}
    {%- do graph.update({'c360_built': found}) -%}
    {{ return(found) }}
{%- endmacro %}


{#- `dbt compile` in a home where nothing was built finds no table. -#}
{% macro duckdb__built_states() -%}
    {{ return(run_query('select relation, state from staging.built').rows if duckdb_has('staging', 'built') else []) }}
{%- endmacro %}


{% macro duckdb_has(schema, name) -%}
    {{ return(run_query(
        'select count(*) from information_schema.tables where table_schema = ' ~ sql_text(schema) ~ ' and table_name = '
        ~ sql_text(name)
    ).rows[0][0] > 0) }}
{%- endmacro %}


{% macro default__built_states() -%}{{ return([]) }}{%- endmacro %}


{#-
    The state of a relation in the lake that is about to be built: with what it had `before`, none where it is built anew, and
    with the code and the inputs of now. Its parts and rows are added when they are written.
-#}
{% macro state_to_build(before) -%}
    {%- set version = silver_version() -%}
    {{ return(dict(
        before or {'parts': [], 'rows': 0, 'deletions_since': ''},
        code=project_code('silver'),
        lake=lake_place(),
        epoch=before.epoch if before else version,
        version=arrivals(model.name[4:]).version if model.name.startswith('stg_') else version,
        inputs=inputs_now(taken=true),
        since={'version': before.version} if before else none,
    )) }}
{%- endmacro %}


{#- Writes down what a relation is built from now; belongs in the transaction that shows it. -#}
{% macro note_built(name, state) -%}
    {%- do adapter.dispatch('note_built')(name, tojson(state)) -%}
    {%- do graph.get('c360_built', {}).update({name: state}) -%}
{%- endmacro %}


{% macro duckdb__note_built(name, state) -%}
    {%- do run_query(
        'delete from staging.built where relation = ' ~ sql_text(name) ~ '; insert into staging.built values ('
        ~ sql_text(name) ~ ', ' ~ sql_text(state) ~ ')'
    ) -%}
{%- endmacro %}


{% macro default__note_built(name, state) -%}{%- endmacro %}


{#-
    Makes the tables in which all this is kept, and has it read anew. Runs before each invocation; `dbt compile` runs it beside
    models, which hold on to what they have of it.
-#}
{% macro prepare_increments() -%}
    {%- if execute -%}
        {%- for kept in ['c360_code', 'c360_built', 'c360_increments', 'c360_arrivals'] -%}{%- do graph.pop(kept, none) -%}{%- endfor -%}
        {{ return(adapter.dispatch('prepare_increments')()) }}
    {%- endif -%}
{%- endmacro %}


{% macro duckdb__prepare_increments() -%}
    {%- do run_query('create schema if not exists staging') -%}
    {%- do run_query('create table if not exists staging.built (relation varchar, state varchar)') -%}
    {%- do run_query('create table if not exists staging.changes (relation varchar, changed_key varchar, change varchar, version varchar)') -%}
    {%- do duckdb__forget_other_project() -%}
{%- endmacro %}


{% macro default__prepare_increments() -%}{%- endmacro %}
