{#-
    Operation: makes in the database what a build expects to be there, and says what it made; what is there already stays.
    Schemas; the roles of grant_roles; and where Azure SQL reads silver from the lake (C360_SILVER_ACCESS=attached) the
    credential, data source and file format for that. The database's managed identity needs the role Storage Blob Data
    Reader on the account. Run: dbt run-operation setup_azure_sql --target azure_sql
-#}
{% macro setup_azure_sql() -%}
    {%- for schema in ['silver'] + published_schemas() -%}
        {%- do set_up('schema ' ~ schema, 'select schema_id(' ~ sql_text(schema) ~ ') as id') -%}
        {%- do adapter.create_schema(api.Relation.create(database=target.database, schema=schema)) -%}
    {%- endfor -%}
    {%- for role, purpose in c360_roles().items() -%}
        {%- do set_up('role ' ~ role ~ ', ' ~ purpose, 'select database_principal_id(' ~ sql_text(role) ~ ') as id') -%}
    {%- endfor -%}
    {%- do grant_roles() -%}
    {%- if silver_access() == 'attached' -%}
        {%- set location = azure_sql_lake_location() -%}
        {%- do set_up(
            'credential c360_identity: the managed identity of the database',
            "select name from sys.database_scoped_credentials where name = 'c360_identity'",
            "create database scoped credential c360_identity with identity = 'Managed Identity'"
        ) -%}
        {%- do set_up(
            'data source c360_lake: ' ~ location,
            "select name from sys.external_data_sources where name = 'c360_lake'",
            'create external data source c360_lake with (location = ' ~ sql_text(location) ~ ', credential = c360_identity)'
        ) -%}
        {%- set known = run_query(
            "select location from sys.external_data_sources where name = 'c360_lake'"
        ).rows[0][0] -%}
        {%- if known != location -%}
            {{ exceptions.raise_compiler_error(
                'The data source c360_lake is ' ~ known ~ ', but C360_LAKE says ' ~ location ~ '. Drop the external tables '
                ~ 'in schema silver and the data source, and run this again.'
            ) }}
        {%- endif -%}
        {%- do set_up(
            'file format c360_parquet',
            "select name from sys.external_file_formats where name = 'c360_parquet'",
            'create external file format c360_parquet with (format_type = parquet)'
        ) -%}
    {%- endif -%}
{%- endmacro %}


{#- Run-operation behind `c360 azure check`: raises when something is missing of what setup_azure_sql makes. -#}
{% macro check_azure_sql() -%}
    {%- set missing = [] -%}
    {%- for schema in ['silver'] + published_schemas() if not run_query(
        'select name from sys.schemas where name = ' ~ sql_text(schema)
    ).rows -%}
        {%- do missing.append('schema ' ~ schema) -%}
    {%- endfor -%}
    {%- for role in c360_roles() if not run_query(
        'select name from sys.database_principals where name = ' ~ sql_text(role)
    ).rows -%}
        {%- do missing.append('role ' ~ role) -%}
    {%- endfor -%}
    {%- if silver_access() == 'attached' and not run_query(
        "select name from sys.external_data_sources where name = 'c360_lake'"
    ).rows -%}
        {%- do missing.append('data source c360_lake') -%}
    {%- endif -%}
    {%- if missing -%}
        {{ exceptions.raise_compiler_error('The database lacks ' ~ missing | join(', ') ~ ': run `c360 azure setup`.') }}
    {%- endif -%}
    {%- do log('silver is ' ~ silver_access(), info=true) -%}
{%- endmacro %}


{#- Says whether something is there, by a query that gives a value if so; if not, runs the statement that makes it. -#}
{% macro set_up(what, query, statement=none) -%}
    {%- set found = run_query(query).rows -%}
    {%- if found and found[0][0] is not none -%}
        {%- do log('There already: ' ~ what, info=true) -%}
    {%- else -%}
        {%- if statement %}{% do run_query(statement) %}{% endif -%}
        {%- do log('Made: ' ~ what, info=true) -%}
    {%- endif -%}
{%- endmacro %}


{#- How Azure SQL gets silver: `loaded`, copied in by `c360 load`, or `attached`, read from the lake. -#}
{% macro silver_access() -%}
    {%- set access = env_var('C360_SILVER_ACCESS', 'loaded') -%}
    {%- if access not in adapter.dispatch('silver_accesses')() -%}
        {{ exceptions.raise_compiler_error(
            'C360_SILVER_ACCESS is ' ~ access ~ '; it can be ' ~ adapter.dispatch('silver_accesses')() | join(' or ') ~ '.'
        ) }}
    {%- endif -%}
    {{ return(access) }}
{%- endmacro %}


{% macro default__silver_accesses() -%}{{ return(['loaded', 'attached']) }}{%- endmacro %}


{#- A Warehouse has no external tables, and reads a lake faster into its own. -#}
{% macro fabric__silver_accesses() -%}{{ return(['loaded']) }}{%- endmacro %}


{#- The lake's folder as Azure SQL's data virtualization names it: abfss://… becomes adls://…. -#}
{% macro azure_sql_lake_location() -%}
    {%- set lake = env_var('C360_LAKE', '').split('?')[0] -%}
    {%- if not lake.startswith('abfss://') -%}
        {{ exceptions.raise_compiler_error(
            'To read silver from the lake, Azure SQL needs C360_LAKE=abfss://<filesystem>@<account>.dfs.core.windows.net; '
            ~ ('it is ' ~ lake if lake else 'it is not set') ~ '.'
        ) }}
    {%- endif -%}
    {{ return('adls://' ~ lake[8:].rstrip('/')) }}
{%- endmacro %}
