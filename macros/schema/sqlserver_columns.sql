{#-
    The columns of a table on Azure SQL, as a model's YAML describes them: types of the engine, text that compares by code
    point, masks on personal data, and no nulls in keys. Contracted models, the tables that `c360 load` fills and external
    tables (which take neither masks nor constraints) are all made with it.
-#}
{% macro sqlserver_columns(node, external=false) -%}
    {%- set masks = personal_data_masks() -%}
    {%- set required = sqlserver_required_columns(node) -%}
    (
        {%- for column in node.columns.values() %}
        {{ quoted(column.name) }} {{ sqlserver_stored_type(column.data_type) }}
        {%- if not external -%}
            {%- if column.name in masks %} masked with (function = {{ sql_text(masks[column.name]) }}){% endif -%}
            {%- if column.name in required %} not null{% endif -%}
        {%- endif -%}
        {{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{#- Type of a column that is stored. Example: varchar(50) is nvarchar(100) collate Latin1_General_100_BIN2. -#}
{% macro sqlserver_stored_type(data_type) -%}
    {{ return(collated(engine_type(data_type)) if contract_type(data_type).startswith('varchar') else engine_type(data_type)) }}
{%- endmacro %}


{#- Names of the columns of a model's keys: silver states its key under meta, gold its keys as constraints. -#}
{% macro sqlserver_required_columns(node) -%}
    {%- set names = node.config.meta.get('key', []) | list -%}
    {%- for constraint in node.constraints or [] if constraint.type in ['primary_key', 'foreign_key'] -%}
        {%- do names.extend(constraint.columns) -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}


{#- dbt-sqlserver's own takes the YAML's types and constraints as they are; keys are added when the table is in place. -#}
{% macro sqlserver__build_columns_constraints(relation, only_not_null=false) -%}
    {{ return(sqlserver_columns(model)) }}
{%- endmacro %}


{#- The types of a contract, for dbt to compare with those of the model's query. -#}
{% macro sqlserver__get_empty_schema_sql(columns) -%}
    {{ return(typed_nulls(columns)) }}
{%- endmacro %}


{% macro duckdb__get_empty_schema_sql(columns) -%}
    {{ return(typed_nulls(columns)) }}
{%- endmacro %}


{% macro typed_nulls(columns) -%}
    select
        {%- for column in columns.values() %}
        cast(null as {{ engine_type(column.data_type) }}) as {{ quoted(column.name) }}{{ ',' if not loop.last }}
        {%- endfor %}
{%- endmacro %}


{#- A seed's table, with the types of its column_types; dbt's own takes them as they are. -#}
{% macro sqlserver__create_csv_table(model, agate_table) -%}
    {%- set types = model.config.column_types -%}
    {%- set sql -%}
        create table {{ this.include(database=false) }} (
            {%- for name in agate_table.column_names %}
            {{ quoted(name) }} {{ sqlserver_stored_type(types[name]) }}{{ ',' if not loop.last }}
            {%- endfor %}
        )
    {%- endset -%}
    {%- call statement('_') -%} {{ sql }} {%- endcall -%}
    {{ return(sql) }}
{%- endmacro %}
