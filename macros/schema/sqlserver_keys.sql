{#-
    The life of primary and foreign keys on Azure SQL, where a table that a foreign key points to cannot be dropped, and
    dbt builds a table anew beside the old one, exchanges their names and drops the old one:

    1. before a table is dropped, the foreign keys that point to it are (get_drop_sql);
    2. when the new table is in place it gets its primary key (build_model_constraints);
    3. at the end of each invocation, and of publish_gold's transaction, every key that gold's contracts declare and that is not
       there or not trusted is added, WITH CHECK, between the tables that there are (complete_keys). Rebuilding one dimension, a
       build that failed and the next one, all end there with every key in force, or with a message that names the tables that
       have to follow.

    Names follow from what a key is, so they are the same in every schema: pk_<table>, fk_<table>_<columns>.
-#}
{% macro complete_keys() -%}
    {{ return(adapter.dispatch('complete_keys')() if execute else '') }}
{%- endmacro %}


{% macro default__complete_keys() -%}{{ return('') }}{%- endmacro %}


{#-
    Keys that cannot be added keep no other from being added; they are told together, at the end. In a transaction the first one
    is told, since nothing can be done in it any more.
-#}
{% macro sqlserver__complete_keys() -%}
    declare @broken nvarchar(2000) = N'';
    {%- for node in sqlserver_keyed_models() %}
    {#- The old table, which has the names of the keys, is still there: dbt was stopped while it exchanged the two. -#}
    if object_id({{ sql_text(quoted(node.schema) ~ '.' ~ quoted(node.alias ~ '__dbt_backup')) }}, 'U') is not null
        set @broken = concat(@broken, {{ sql_text(
            node.name ~ ' was left half built. Build it again: dbt build --select ' ~ node.name ~ '. '
        ) }});
    else
    begin
        {{ primary_key_added(node) }}
    end;
    {%- endfor %}
    {%- for key in sqlserver_foreign_keys() %}
    if
        object_id({{ sql_text(key.table) }}, 'U') is not null
        and objectproperty(object_id({{ sql_text(key.to) }}, 'U'), 'TableHasPrimaryKey') = 1
        and xact_state() <> -1
    begin
        begin try
            if not exists (
                select * from sys.foreign_keys
                where name = {{ sql_text(key.name) }} and parent_object_id = object_id({{ sql_text(key.table) }}, 'U')
            )
                alter table {{ key.table }} with check add constraint {{ quoted(key.name) }}
                foreign key ({{ quoted_list(key.columns) }}) references {{ key.to }} ({{ quoted_list(key.to_columns) }});
            else if exists (
                select * from sys.foreign_keys
                where
                    name = {{ sql_text(key.name) }} and parent_object_id = object_id({{ sql_text(key.table) }}, 'U')
                    and (is_not_trusted = 1 or is_disabled = 1)
            )
                alter table {{ key.table }} with check check constraint {{ quoted(key.name) }};
        end try
        begin catch
            if error_number() <> 547 throw;
            set @broken = concat(@broken, {{ sql_text(
                key.model ~ ' has rows whose ' ~ key.columns | join(', ') ~ ' is not in ' ~ key.to_model ~ ' any more. '
                ~ 'Build it again: dbt build --select ' ~ key.model ~ '. '
            ) }});
        end catch;
    end;
    {%- endfor %}
    if @broken <> N'' throw 50547, @broken, 1;
{%- endmacro %}


{#- Models whose contract declares keys. -#}
{% macro sqlserver_keyed_models() -%}
    {{ return(
        graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') | selectattr('constraints')
        | sort(attribute='name')
    ) }}
{%- endmacro %}


{#- A model's table as T-SQL writes it. -#}
{% macro sqlserver_table(node) -%}
    {{ return(quoted(node.schema) ~ '.' ~ quoted(node.alias)) }}
{%- endmacro %}


{#- Adds a model's primary key to its table, if there is such a table without one. -#}
{% macro primary_key_added(node) -%}
    {%- for constraint in node.constraints if constraint.type == 'primary_key' -%}
    if
        object_id({{ sql_text(sqlserver_table(node)) }}, 'U') is not null
        and not exists (
            select * from sys.key_constraints where parent_object_id = object_id({{ sql_text(sqlserver_table(node)) }}, 'U')
        )
        alter table {{ sqlserver_table(node) }} add constraint {{ quoted('pk_' ~ node.alias) }}
        {{- primary_key(constraint.columns, node.config.get('as_columnstore', true)) }};
    {%- endfor -%}
{%- endmacro %}


{#- A primary key as a constraint has it. The rows of a columnstore have no order, so its key is an index beside it. -#}
{% macro primary_key(columns, as_columnstore=false) -%}
    {{ return(' primary key ' ~ adapter.dispatch('key_form')(as_columnstore).format('(' ~ quoted_list(columns) ~ ')')) }}
{%- endmacro %}


{% macro default__key_form(as_columnstore) -%}
    {{ return(('nonclustered' if as_columnstore else 'clustered') ~ ' {}') }}
{%- endmacro %}


{#- A Warehouse has no indexes, and its keys tell the optimizer what the tests have shown. -#}
{% macro fabric__key_form(as_columnstore) -%}
    {{ return('nonclustered {} not enforced') }}
{%- endmacro %}


{#- Every declared foreign key: its name, the model and table that have it, and the table that it points to. -#}
{% macro sqlserver_foreign_keys() -%}
    {%- set keys = [] -%}
    {%- for node in sqlserver_keyed_models() -%}
        {%- for constraint in node.constraints if constraint.type == 'foreign_key' -%}
            {#- dbt has `ref('dim_customers')` there until it compiles the model, then the relation's name. -#}
            {%- do keys.append(sqlserver_foreign_key(
                node, constraint.columns, modules.re.findall('\\w+', constraint.to) | last, constraint.to_columns
            )) -%}
        {%- endfor -%}
        {#- No constraints of the contract, which dbt would take for an order: these are made from what points to them. -#}
        {%- for column, dimension in {'date_key': 'dim_dates', 'person_id': 'dim_persons'}.items()
            if column in node.columns and node.name != dimension -%}
            {%- do keys.append(sqlserver_foreign_key(node, [column], dimension, [column])) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(keys) }}
{%- endmacro %}


{% macro sqlserver_foreign_key(node, columns, to_name, to_columns) -%}
    {%- set to = graph.nodes['model.' ~ project_name ~ '.' ~ to_name] -%}
    {{ return({
        'name': 'fk_' ~ node.alias ~ '_' ~ columns | join('_'),
        'model': node.name,
        'table': sqlserver_table(node),
        'columns': columns,
        'to_model': to.name,
        'to': sqlserver_table(to),
        'to_columns': to_columns,
    }) }}
{%- endmacro %}


{#- dbt-sqlserver's own adds all named constraints of a model; here the foreign keys wait for the tables they point to. -#}
{% macro sqlserver__build_model_constraints(relation) -%}
    {%- call statement('add_primary_key', auto_begin=false) -%}
        {{ primary_key_added(model) }}
    {%- endcall -%}
{%- endmacro %}


{#- Before a table is dropped: the foreign keys that point to it. -#}
{% macro sqlserver__get_drop_sql(relation) -%}
    {%- if relation.type == 'table' %}{% do drop_keys_pointing_to(relation) %}{% endif -%}
    {{ return(dbt.sqlserver__get_drop_sql(relation)) }}
{%- endmacro %}


{% macro drop_keys_pointing_to(relation) -%}
    {%- for schema, table, name, _ in sqlserver_keys_pointing_to([relation.include(database=false) | string]) -%}
        {%- do run_query('alter table ' ~ quoted(schema) ~ '.' ~ quoted(table) ~ ' drop constraint ' ~ quoted(name)) -%}
    {%- endfor -%}
{%- endmacro %}


{#-
    Stops an invocation before it builds anything, when a foreign key that is not this project's points to a table that it will
    put another in the place of: later the two tables would have changed names by then. A run knows only later which tables of
    gold grow in place, if their code is as it was; publish_gold looks again.
-#}
{% macro check_keys_of_others() -%}
    {{ return(adapter.dispatch('check_keys_of_others')() if execute else '') }}
{%- endmacro %}


{% macro default__check_keys_of_others() -%}{%- endmacro %}


{% macro sqlserver__check_keys_of_others() -%}
    {%- set grows = sqlserver_is_run() and not flags.FULL_REFRESH
        and (built('dim_customers') or {'code': none}).code == project_code('gold') -%}
    {%- set replaced = [] -%}
    {%- for node in graph.nodes.values()
        if flags.WHICH in ['build', 'run', 'seed'] and node.unique_id in selected_resources
            and node.config.materialized in ['table', 'incremental', 'seed']
            and not (grows and (node.config.materialized == 'incremental' or node.name == 'dim_dates')) -%}
        {%- do replaced.append(sqlserver_published(node)) -%}
    {%- endfor -%}
    {%- if replaced %}{% do sqlserver_keys_pointing_to(replaced) %}{% endif -%}
{%- endmacro %}


{#-
    The foreign keys that point to tables, as rows of schema and name of the table that has it, its name, and the table it points
    to. One that no model declares is not ours to drop.
-#}
{% macro sqlserver_keys_pointing_to(tables) -%}
    {%- set ids = [] -%}
    {%- for table in tables -%}{%- do ids.append('object_id(' ~ sql_text(table) ~ ", 'U')") -%}{%- endfor -%}
    {%- set keys = run_query(
        'select object_schema_name(parent_object_id) as table_schema, object_name(parent_object_id) as table_name, name, '
        ~ "concat(object_schema_name(referenced_object_id), '.', object_name(referenced_object_id)) as points_to "
        ~ 'from sys.foreign_keys where referenced_object_id in (' ~ ids | join(', ') ~ ') '
        ~ 'and parent_object_id <> referenced_object_id'
    ).rows -%}
    {%- set declared = sqlserver_foreign_keys() | map(attribute='name') | list -%}
    {%- for schema, table, name, to in keys if name not in declared -%}
        {{ exceptions.raise_compiler_error(
            to ~ ' cannot be replaced: the foreign key ' ~ name ~ ' of ' ~ schema ~ '.' ~ table ~ ' points to it, which is '
            ~ 'not part of this project. Drop that key, run again, and add it to the new table.'
        ) }}
    {%- endfor -%}
    {{ return(keys) }}
{%- endmacro %}
