{#-
    The T-SQL that puts relations in the place of others of the same names: drops what stands there, whatever it is, and
    moves the new one from its schema, with its indexes, keys, masks and descriptions. Belongs in a transaction.
    `moves` is a list of [schema it is in, schema it goes to, name], what others refer to first: the last is locked first, as
    those do who read it.
-#}
{% macro sqlserver_replace(moves) -%}
    {%- for from_schema, schema, name in moves | reverse %}
    {{ dropped(quoted(schema) ~ '.' ~ quoted(name)) }}
    {%- endfor %}
    {%- for from_schema, schema, name in moves %}
    alter schema {{ quoted(schema) }} transfer {{ quoted(from_schema) }}.{{ quoted(name) }};
    {%- endfor %}
{%- endmacro %}


{#-
    The T-SQL that locks the table or view of a node, if there is one, against all who read it, until the transaction ends. A
    table's default is set again, which changes nothing; a view shows nothing until it is altered or dropped, and keeps what was
    granted on it. First in a transaction, in the order in which readers come to what it changes.
-#}
{% macro locked(node) -%}
    {{ return(adapter.dispatch('locked')(sqlserver_table(node), node.columns)) }}
{%- endmacro %}


{% macro default__locked(name, columns) -%}
    {%- set shown = [] -%}
    {%- for column in columns -%}{%- do shown.append('0 as ' ~ quoted(column)) -%}{%- endfor -%}
    if exists (select * from sys.tables where object_id = object_id({{ sql_text(name) }}, 'U') and is_external = 0)
        alter table {{ name }} set (lock_escalation = table);
    {%- if shown %}
    if object_id({{ sql_text(name) }}, 'V') is not null
        exec(N{{ sql_text('alter view ' ~ name ~ ' as select ' ~ shown | join(', ')) }});
    {%- endif %}
{%- endmacro %}


{#- The T-SQL that drops a table, external table or view of this name, if there is one. -#}
{% macro dropped(name) -%}
    {{ return(adapter.dispatch('dropped')(name)) }}
{%- endmacro %}


{% macro default__dropped(name) -%}
    if exists (select * from sys.external_tables where object_id = object_id({{ sql_text(name) }}, 'U'))
        drop external table {{ name }};
    {{ fabric__dropped(name) }}
{%- endmacro %}


{#- A Warehouse has no external tables. -#}
{% macro fabric__dropped(name) -%}
    if object_id({{ sql_text(name) }}, 'U') is not null drop table {{ name }};
    if object_id({{ sql_text(name) }}, 'V') is not null drop view {{ name }};
{%- endmacro %}


{#-
    The T-SQL that notes something on a schema: `c360_version`, the silver version in it, or `c360_text_keys`, the entities
    whose keys are text in it, as a JSON list; or on a table or view (`kind`) in it: `c360_built`, what it was built from.
-#}
{% macro note_on(schema, name, value, table=none, kind='TABLE') -%}
    {{ return(adapter.dispatch('note_on')(schema, name, value, table, kind)) }}
{%- endmacro %}


{% macro default__note_on(schema, name, value, table, kind) -%}
    {%- set place -%}
        @level0type = N'SCHEMA', @level0name = N{{ sql_text(schema) }}
        {%- if table %}, @level1type = N{{ sql_text(kind) }}, @level1name = N{{ sql_text(table) }}{% endif -%}
    {%- endset -%}
    if exists (
        select * from sys.extended_properties
        where
            name = {{ sql_text(name) }} and minor_id = 0
            and class = {{ 1 if table else 3 }}
            and major_id = {{ sqlserver_id(schema, table) }}
    )
        exec sys.sp_dropextendedproperty @name = N{{ sql_text(name) }}, {{ place }};
    exec sys.sp_addextendedproperty @name = N{{ sql_text(name) }}, @value = N{{ sql_text(value) }}, {{ place }};
{%- endmacro %}


{#- What is noted on a schema, or on a table or view in it, under a name; empty when nothing is. -#}
{% macro noted_on(schema, name, table=none) -%}
    {{ return(adapter.dispatch('noted_on')(schema, name, table)) }}
{%- endmacro %}


{% macro default__noted_on(schema, name, table) -%}
    {%- set found = run_query(
        'select cast(value as nvarchar(4000)) as noted from sys.extended_properties where class = ' ~ (1 if table else 3)
        ~ ' and major_id = ' ~ sqlserver_id(schema, table) ~ ' and minor_id = 0 and name = ' ~ sql_text(name)
    ).rows -%}
    {{ return(found[0][0] if found else '') }}
{%- endmacro %}


{#- The T-SQL for the id of a schema, or of a table or view in it. -#}
{% macro sqlserver_id(schema, table=none) -%}
    {%- if table -%}{{ return('object_id(' ~ sql_text(quoted(schema) ~ '.' ~ quoted(table)) ~ ')') }}{%- endif -%}
    {{ return('schema_id(' ~ sql_text(schema) ~ ')') }}
{%- endmacro %}


{#- A batch that is done as a whole or not at all. -#}
{% macro sqlserver_transaction(statements) -%}
    set xact_abort on;
    begin transaction;
    {{ statements }}
    commit transaction;
{%- endmacro %}
