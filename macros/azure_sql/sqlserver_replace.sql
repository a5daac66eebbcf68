{#-
    The T-SQL that puts relations in the place of others of the same names: drops what stands there, whatever it is, and
    moves the new one from its schema, with its indexes, keys, masks and descriptions. Belongs in a transaction.
    `moves` is a list of [schema it is in, schema it goes to, name].
-#}
{% macro sqlserver_replace(moves) -%}
    {%- for from_schema, schema, name in moves %}
    {{ sqlserver_drop(quoted(schema) ~ '.' ~ quoted(name)) }}
    {%- endfor %}
    {%- for from_schema, schema, name in moves %}
    alter schema {{ quoted(schema) }} transfer {{ quoted(from_schema) }}.{{ quoted(name) }};
    {%- endfor %}
{%- endmacro %}


{#- The T-SQL that drops a table, external table or view of this name, if there is one. -#}
{% macro sqlserver_drop(name) -%}
    if exists (select * from sys.external_tables where object_id = object_id({{ sql_text(name) }}, 'U'))
        drop external table {{ name }};
    if object_id({{ sql_text(name) }}, 'U') is not null drop table {{ name }};
    if object_id({{ sql_text(name) }}, 'V') is not null drop view {{ name }};
{%- endmacro %}


{#-
    The T-SQL that notes something on a schema: `c360_version`, the silver version in it, or `c360_text_keys`, the entities
    whose keys are text in it, as a JSON list.
-#}
{% macro sqlserver_note(schema, name, value) -%}
    if exists (
        select * from sys.extended_properties
        where class = 3 and major_id = schema_id({{ sql_text(schema) }}) and name = {{ sql_text(name) }}
    )
        exec sys.sp_dropextendedproperty
            @name = N{{ sql_text(name) }}, @level0type = N'SCHEMA', @level0name = N{{ sql_text(schema) }};
    exec sys.sp_addextendedproperty
        @name = N{{ sql_text(name) }}, @value = N{{ sql_text(value) }},
        @level0type = N'SCHEMA', @level0name = N{{ sql_text(schema) }};
{%- endmacro %}


{#- What is noted on a schema under a name; empty when nothing is. -#}
{% macro sqlserver_noted(schema, name) -%}
    {%- set found = run_query(
        "select cast(value as nvarchar(1000)) as noted from sys.extended_properties where class = 3 and major_id = "
        ~ 'schema_id(' ~ sql_text(schema) ~ ') and name = ' ~ sql_text(name)
    ).rows -%}
    {{ return(found[0][0] if found else '') }}
{%- endmacro %}


{#- A batch that is done as a whole or not at all. -#}
{% macro sqlserver_transaction(statements) -%}
    set xact_abort on;
    begin transaction;
    {{ statements }}
    commit transaction;
{%- endmacro %}
