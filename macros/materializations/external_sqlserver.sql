{#-
    `external` on Azure SQL, which makes no silver but has what the lake published: the tables that `c360 load` filled are
    kept when they have the contract's columns, or, with C360_SILVER_ACCESS=attached, the files of the published version
    are attached as an external table. What silver is made from stays in the lake.
-#}
{% materialization external, adapter='sqlserver' %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set relations = [target_relation] -%}

    {{ run_hooks(pre_hooks) }}

    {%- if this.schema != 'silver' -%}
        {%- do log(this.identifier ~ ' stays in the lake') -%}
        {%- call noop_statement('main', 'IN THE LAKE') -%}{%- endcall -%}
        {%- set relations = [] -%}
    {%- elif silver_access() == 'attached' -%}
        {{ attach_silver(target_relation) }}
    {%- else -%}
        {%- do check_loaded_silver(target_relation) -%}
        {%- call noop_statement('main', 'AS LOADED') -%}{%- endcall -%}
    {%- endif -%}

    {{ run_hooks(post_hooks) }}

    {{ return({'relations': relations}) }}
{% endmaterialization %}


{#- Stops when a table of silver was not loaded, or with other columns than the contract has now. -#}
{% macro check_loaded_silver(relation) -%}
    {%- set found = {} -%}
    {%- for name, data_type in run_query(sqlserver_column_types(relation)).rows -%}
        {%- do found.update({name: data_type}) -%}
    {%- endfor -%}
    {%- if not found -%}
        {{ exceptions.raise_compiler_error(
            relation.include(database=false) ~ ' was not loaded. Run `c360 load` (`c360 run --target azure` does it too), or '
            ~ 'set C360_SILVER_ACCESS=attached to read silver from the lake.'
        ) }}
    {%- endif -%}
    {%- set differences = [] -%}
    {%- for column in model.columns.values() if found.pop(column.name, none) != engine_type(column.data_type) -%}
        {%- do differences.append(column.name ~ ' is not ' ~ engine_type(column.data_type)) -%}
    {%- endfor -%}
    {%- for name in found -%}
        {%- do differences.append(name ~ ' is not in the contract') -%}
    {%- endfor -%}
    {%- if differences -%}
        {{ exceptions.raise_compiler_error(
            relation.include(database=false) ~ ' was loaded with other columns than its contract has: '
            ~ differences | join(', ') ~ '. Run `c360 load` to load it again.'
        ) }}
    {%- endif -%}
{%- endmacro %}


{#- The query for the columns of a table that rows were loaded into, with types as engine_type() writes them. -#}
{% macro sqlserver_column_types(relation) -%}
    select
        columns.name,
        case types.name
            when 'nvarchar' then concat(
                'nvarchar(', case when columns.max_length = -1 then 'max' else cast(columns.max_length / 2 as varchar(10)) end, ')'
            )
            when 'decimal' then concat('decimal(', columns.precision, ',', columns.scale, ')')
            when 'datetime2' then concat('datetime2(', columns.scale, ')')
            else types.name
        end as data_type
    from sys.tables as tables
    inner join sys.columns as columns on tables.object_id = columns.object_id
    inner join sys.types as types on columns.user_type_id = types.user_type_id
    where
        tables.object_id = object_id({{ sql_text(relation.include(database=false) | string) }}, 'U')
        and tables.is_external = 0
{%- endmacro %}


{#-
    An external table over the files of the published version, in place of what stood there; left alone when it is over
    these files already. The folder is named as Azure SQL wants it, which does not look into folders below.
-#}
{% macro attach_silver(relation) -%}
    {%- set name = relation.include(database=false) | string -%}
    {%- set location = '/silver/' ~ relation.identifier ~ '/' ~ (env_var('C360_VERSION', '') or published_silver('$.version')) ~ '/' -%}
    {%- set attached = run_query(
        'select location from sys.external_tables where object_id = object_id(' ~ sql_text(name) ~ ", 'U')"
    ).rows -%}
    {%- if attached and attached[0][0] == location -%}
        {%- call noop_statement('main', 'ATTACHED ALREADY') -%}{%- endcall -%}
    {%- else -%}
        {%- set statements -%}
            {{ sqlserver_drop(name) }}
            create external table {{ name }} {{ sqlserver_columns(model, external=true) }}
            with (location = {{ sql_text(location) }}, data_source = c360_lake, file_format = c360_parquet);
        {%- endset -%}
        {%- call statement('main') -%}
            {{ sqlserver_transaction(statements) }}
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}


{#- What silver/published.json says at a place in it, as text; the file is read as one field of one row. -#}
{% macro published_silver(place) -%}
    {{ return(run_query(
        "select coalesce(json_value(published.document, '" ~ place ~ "'), json_query(published.document, '" ~ place
        ~ "')) as said from openrowset("
        ~ "bulk 'silver/published.json', data_source = 'c360_lake', format = 'csv', "
        ~ "fieldterminator = '0x0b', fieldquote = '0x0b', rowterminator = '0x0b'"
        ~ ') with (document nvarchar(max)) as published'
    ).rows[0][0]) }}
{%- endmacro %}
