{#-
    Run-operation: makes what the target synapse needs on a serverless SQL pool, says of each thing whether it made it or
    found it, and may be run again. The lake is C360_LAKE; the pool opens it with the managed identity of its workspace.
    A database that is not there yet is made when the profile's database is master:
        C360_SYNAPSE_DATABASE=master dbt run-operation setup_synapse --target synapse --args '{database: customer360}'
-#}
{% macro setup_synapse(database=none) %}
    {% set database = database or target.database %}
    {% if target.type != 'synapse' %}
        {{ exceptions.raise_compiler_error('setup_synapse is for the target synapse; this one is ' ~ target.name ~ '.') }}
    {% elif database | lower == 'master' %}
        {{ exceptions.raise_compiler_error(
            "Nothing of this belongs in master. Give the database's name: --args '{database: customer360}'."
        ) }}
    {% endif %}
    {% set lake = lake_url() %}

    {% if database != target.database %}
        {% do synapse_ensure(
            'database ' ~ database,
            'select name from sys.databases where name = N' ~ sql_text(database),
            'create database ' ~ quoted(database) ~ ' collate ' ~ synapse_collation()
        ) %}
        {% do run_query('use ' ~ quoted(database)) %}
    {% endif %}
    {% do synapse_check_collation(database) %}

    {#- The pool opens the key by itself, so nobody needs its password, and it is made up where nobody sees it. -#}
    {% do synapse_ensure(
        'master key',
        "select name from sys.symmetric_keys where name = N'##MS_DatabaseMasterKey##'",
        'declare @statement nvarchar(400) = '
        ~ "concat(N'create master key encryption by password = N''Aa1-', newid(), newid(), N'''');\nexec(@statement);"
    ) %}
    {% do synapse_ensure(
        'credential c360_identity',
        "select name from sys.database_scoped_credentials where name = N'c360_identity'",
        "create database scoped credential c360_identity with identity = 'Managed Identity'"
    ) %}
    {% do synapse_ensure(
        'data source c360_lake at ' ~ lake,
        "select name from sys.external_data_sources where name = N'c360_lake'",
        'create external data source c360_lake with (location = ' ~ sql_text(lake) ~ ', credential = c360_identity)'
    ) %}
    {% do synapse_check_lake(database) %}
    {% do synapse_ensure(
        'file format c360_parquet',
        "select name from sys.external_file_formats where name = N'c360_parquet'",
        'create external file format c360_parquet with '
        ~ "(format_type = parquet, data_compression = 'org.apache.hadoop.io.compress.SnappyCodec')"
    ) %}
    {#- Of bronze_raw's external tables, which name files that are not compressed: all that parser 2.0 reads. -#}
    {% do synapse_ensure(
        'file format c360_csv',
        "select name from sys.external_file_formats where name = N'c360_csv'",
        'create external file format c360_csv with (format_type = delimitedtext, format_options '
        ~ "(field_terminator = ',', string_delimiter = '\"', first_row = 2, parser_version = '2.0'))"
    ) %}
    {% for schema in ['bronze', 'bronze_raw', 'staging', 'silver', 'reference'] %}
        {% do synapse_ensure(
            'schema ' ~ schema,
            'select name from sys.schemas where name = N' ~ sql_text(schema),
            'create schema ' ~ schema
        ) %}
    {% endfor %}
{% endmacro %}


{#- Makes what a query does not find, and says which it was. -#}
{% macro synapse_ensure(what, query, statement) %}
    {% set found = run_query(query).rows | length > 0 %}
    {% if not found %}{% do run_query(statement) %}{% endif %}
    {% do log(('Found ' if found else 'Made ') ~ what, info=true) %}
{% endmacro %}


{#- Raises when the database lacks the data source c360_lake, or was set up for another lake than C360_LAKE. -#}
{% macro synapse_check_lake(database) %}
    {% set found = run_query("select location from sys.external_data_sources where name = N'c360_lake'").rows %}
    {% if not found %}
        {{ exceptions.raise_compiler_error(
            'The database ' ~ database ~ ' is not set up: run `c360 azure setup`.'
        ) }}
    {% elif found[0][0].rstrip('/') != lake_url() %}
        {{ exceptions.raise_compiler_error(
            'The database ' ~ database ~ ' was set up for the lake ' ~ found[0][0] ~ ', but C360_LAKE is ' ~ lake_url()
            ~ '. A database belongs to one lake: name another one in C360_SYNAPSE_DATABASE and run `c360 azure setup`.'
        ) }}
    {% endif %}
{% endmacro %}


{#- Raises when texts do not compare by code point in the database, which answers depend on. -#}
{% macro synapse_check_collation(database) %}
    {% set collation = run_query('select collation_name from sys.databases where name = db_name()').rows[0][0] %}
    {% if collation != synapse_collation() %}
        {{ exceptions.raise_compiler_error(
            'The database ' ~ database ~ ' has the collation ' ~ collation ~ ', in which texts do not compare by code '
            ~ 'point. Run `alter database current collate ' ~ synapse_collation() ~ '` in it, or use another database.'
        ) }}
    {% endif %}
{% endmacro %}


{#- Raises when the database was set up by a version that made less, or is not as a build needs it. -#}
{% macro synapse_check_set_up(database) %}
    {% do synapse_check_collation(database) %}
    {% if not run_query("select name from sys.schemas where name = N'bronze_raw'").rows %}
        {{ exceptions.raise_compiler_error(
            'The database ' ~ database ~ ' was set up by an earlier version: run `c360 azure setup` again, which adds '
            ~ 'what is missing.'
        ) }}
    {% endif %}
{% endmacro %}


{#- Run-operation behind `c360 azure check`: raises when the database is not as a build needs it. -#}
{% macro check_synapse() %}
    {% do synapse_check_lake(target.database) %}
    {% do synapse_check_set_up(target.database) %}
    {% do log(target.database ~ ', set up for the lake ' ~ lake_url(), info=true) %}
{% endmacro %}


{#- Run-operation behind `c360 azure check`: writes a row to the folder silver/<name> of the lake, and reads it. -#}
{% macro check_synapse_writes(name) %}
    {% set table = 'staging.' ~ quoted(name) %}
    {% do run_query(
        'create external table ' ~ table ~ ' with (location = ' ~ sql_text('silver/' ~ name ~ '/') ~ ', data_source = c360_lake, '
        ~ 'file_format = c360_parquet) as select 1 as n'
    ) %}
    {% do run_query('select n from ' ~ table) %}
    {% do run_query('drop external table ' ~ table) %}
{% endmacro %}


{#- Compares by code point, and keeps text in UTF-8 as the lake's files do. -#}
{% macro synapse_collation() %}
    {{ return('Latin1_General_100_BIN2_UTF8') }}
{% endmacro %}
