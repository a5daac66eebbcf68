{#-
    What a Fabric Warehouse does in its own way: its keys tell the optimizer what the project's tests have shown and are checked by
    nobody, readers see rows as they were when their transaction began, so that publishing has nothing to lock against them, and
    notes stand in a table (notes.sql).
-#}
{% macro fabric__locked(name, columns) -%}{{ return('') }}{%- endmacro %}


{#- Adds the keys that the contracts declare between the tables that there are. -#}
{% macro fabric__complete_keys() -%}
    {%- for node in sqlserver_keyed_models() %}
    {{ primary_key_added(node) }}
    {%- endfor %}
    {%- for key in sqlserver_foreign_keys() %}
    if
        object_id({{ sql_text(key.table) }}, 'U') is not null
        and exists (select * from sys.key_constraints where parent_object_id = object_id({{ sql_text(key.to) }}, 'U'))
        and not exists (
            select * from sys.foreign_keys
            where name = {{ sql_text(key.name) }} and parent_object_id = object_id({{ sql_text(key.table) }}, 'U')
        )
        alter table {{ key.table }} add constraint {{ quoted(key.name) }}
        foreign key ({{ quoted_list(key.columns) }}) references {{ key.to }} ({{ quoted_list(key.to_columns) }}) not enforced;
    {%- endfor %}
{%- endmacro %}


{#- Before a table is dropped: the foreign keys that point to it. -#}
{% macro fabric__get_drop_sql(relation) -%}
    {%- if relation.type == 'table' -%}
        {%- do drop_keys_pointing_to(relation) -%}
        drop table if exists {{ relation.include(database=false) }};
    {%- else -%}
        drop view if exists {{ relation.include(database=false) }};
    {%- endif -%}
{%- endmacro %}


{#- Texts compare as the Warehouse's collation says, so that has to be the one that all of the project's answers rest on. -#}
{% macro fabric__create_bronze_relations() -%}
    {%- set found = run_query('select collation_name from sys.databases where name = db_name()').rows[0][0] -%}
    {%- if found != 'Latin1_General_100_BIN2_UTF8' -%}
        {{ exceptions.raise_compiler_error(
            'In the Warehouse ' ~ target.database ~ ' texts do not compare by code point (its collation is ' ~ found
            ~ '), so customers and products would be taken for others. A Warehouse keeps the collation it was made with: make '
            ~ 'another one, whose collation is Latin1_General_100_BIN2_UTF8, and set C360_FABRIC_WAREHOUSE to its name.'
        ) }}
    {%- endif -%}
{%- endmacro %}


{#- As sqlserver__built_states, from the notes; a Warehouse joins no table of its own with those of the system. -#}
{% macro fabric__built_states() -%}
    {%- set states = {} -%}
    {%- if sqlserver_is_run() -%}
        {%- set noted = notes() -%}
        {%- for schema, name in run_query(
            'select schema_name(schema_id) as table_schema, name from sys.tables '
            ~ "where schema_name(schema_id) in ('silver', 'gold', 'marts')"
        ).rows -%}
            {%- set state = noted.get(noted_place(schema, name), {}).get('c360_built') -%}
            {%- if state -%}{%- do states.update({name: state}) -%}{%- endif -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(states_since_gold(states)) }}
{%- endmacro %}


{% macro fabric__prepare_increments() -%}
    {%- do make_notes() -%}
    {{ return(sqlserver__prepare_increments()) }}
{%- endmacro %}


{#- What a build by hand makes is not what was noted of the table. -#}
{% macro fabric__note_increment() -%}
    {%- if sqlserver_is_run() -%}
        {%- do note_built(model.name, state_of_increment()) -%}
    {%- else -%}
        {%- do run_query(note_on(this.schema, 'c360_built', '', this.identifier)) -%}
    {%- endif -%}
{%- endmacro %}


{#- A Warehouse keeps no descriptions; the documentation site has them. -#}
{% macro fabric__persist_docs(relation, model, for_relation, for_columns) -%}{%- endmacro %}
