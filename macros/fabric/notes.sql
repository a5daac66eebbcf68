{#-
    What is noted on a schema, or a table in it (note_on), in a Fabric Warehouse, which has no extended properties: a table,
    "runs"."notes", whose newest row says it. Rows are only added while models are built, since of two transactions that change
    rows of a table one fails. A name is all that ties a note to its table, so whatever makes a table anew without a note takes
    back what was noted.
-#}
{% macro make_notes() -%}
    {%- if not run_query("select object_id('runs.notes', 'U') as id").rows[0][0] -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema='runs')) -%}
        {%- do run_query(
            'create table "runs"."notes" (noted_on varchar(300), name varchar(100), value varchar(8000), noted_at datetime2(6))'
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#- All that is noted, by what it is noted on, and by name. -#}
{% macro notes() -%}
    {%- set found = {} -%}
    {%- if run_query("select object_id('runs.notes', 'U') as id").rows[0][0] -%}
        {%- for noted_on, name, value in run_query(
            'select noted_on, name, value from "runs"."notes" order by noted_at'
        ).rows -%}
            {%- do found.setdefault(noted_on, {}).update({name: value}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(found) }}
{%- endmacro %}


{#- Leaves of each note the newest row. For when nobody else notes anything: where a load begins. -#}
{% macro fold_notes() -%}
    {%- do run_query(
        'delete from "runs"."notes" where exists (select 1 from "runs"."notes" as newer where newer.noted_on = "notes".noted_on '
        ~ 'and newer.name = "notes".name and newer.noted_at > "notes".noted_at)'
    ) -%}
{%- endmacro %}


{% macro fabric__note_on(schema, name, value, table, kind) -%}
    insert into "runs"."notes" (noted_on, name, value, noted_at)
    values (
        {{ sql_text(noted_place(schema, table)) }}, {{ sql_text(name) }}, {{ sql_text(value) }},
        cast(sysutcdatetime() as datetime2(6))
    );
{%- endmacro %}


{% macro fabric__noted_on(schema, name, table) -%}
    {{ return(notes().get(noted_place(schema, table), {}).get(name, '')) }}
{%- endmacro %}


{% macro noted_place(schema, table) -%}
    {{ return(schema ~ ('.' ~ table if table else '')) }}
{%- endmacro %}
