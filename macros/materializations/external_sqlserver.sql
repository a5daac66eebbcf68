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
            when 'varchar' then concat(
                'varchar(', case when columns.max_length = -1 then 'max' else cast(columns.max_length as varchar(10)) end, ')'
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
    External tables over the parts of the published version, in place of what stood there: one by the relation's name over its
    only part, or a view by its name over those of several. Left alone when the files are attached already. Folders are named
    as Azure SQL wants it, which does not look into folders below.
-#}
{% macro attach_silver(relation) -%}
    {%- set name = relation.include(database=false) | string -%}
    {%- set published = fromjson(published_silver('$.entities.' ~ relation.identifier)) -%}
    {%- set tables = {} -%}
    {%- if published.parts | length == 1 -%}
        {%- do tables.update({name: {'folder': published.parts[0], 'columns': sqlserver_columns(model, external=true)}}) -%}
    {%- else -%}
        {%- set versioned = {'name': '_version', 'data_type': 'varchar(255)'} -%}
        {%- set fate = {'name': 'fate', 'data_type': 'varchar(20)'} -%}
        {%- set key = deduplication(model.name).key if published.superseded else [] -%}
        {%- set columns = dict(model.columns, **({'_version': versioned} if published.superseded else {})) -%}
        {%- set key_columns = {'_version': versioned, 'fate': fate} -%}
        {%- for column in key -%}{%- do key_columns.update({column: model.columns[column]}) -%}{%- endfor -%}
        {%- for part in published.parts -%}
            {%- do tables.update({attached_part(relation, part): {
                'folder': part, 'columns': sqlserver_columns({'columns': columns, 'config': model.config}, external=true)
            }}) -%}
        {%- endfor -%}
        {%- for part in published.superseded[1:] -%}
            {%- do tables.update({attached_part(relation, part): {
                'folder': part, 'columns': sqlserver_columns({'columns': key_columns, 'config': model.config}, external=true)
            }}) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set there = {} -%}
    {%- for identifier, location in run_query(
        'select name, location from sys.external_tables where schema_id = schema_id(' ~ sql_text(relation.schema) ~ ')'
    ).rows -%}
        {%- set table = relation.incorporate(path={'identifier': identifier}).include(database=false) | string -%}
        {%- if identifier == relation.identifier or identifier.startswith(relation.identifier ~ '__') -%}
            {%- do there.update({table: location}) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set wanted = {} -%}
    {%- for table, attached in tables.items() -%}{%- do wanted.update({table: '/' ~ attached.folder ~ '/'}) -%}{%- endfor -%}
    {%- if there == wanted -%}
        {%- call noop_statement('main', 'ATTACHED ALREADY') -%}{%- endcall -%}
    {%- else -%}
        {%- set statements -%}
            {{ dropped(name) }}
            {%- for table in there if table != name %}
            drop external table {{ table }};
            {%- endfor %}
            {%- for table, attached in tables.items() %}
            create external table {{ table }} {{ attached.columns }}
            with (location = {{ sql_text('/' ~ attached.folder ~ '/') }}, data_source = c360_lake, file_format = c360_parquet);
            {%- endfor %}
            {%- if name not in tables %}
            {%- set parts = tables.keys() | list -%}
            {%- set count = published.parts | length %}
            exec(N{{ sql_text('create view ' ~ name ~ ' as ' ~ (
                rows_of_parts(model.columns, key, parts[:count], parts[count:]) if published.superseded
                else all_of_parts(model.columns, parts)
            )) }});
            {%- endif %}
        {%- endset -%}
        {%- call statement('main') -%}
            {{ sqlserver_transaction(statements) }}
        {%- endcall -%}
    {%- endif -%}
{%- endmacro %}


{#- The external table over a part of a relation, which is named by its folder. -#}
{% macro attached_part(relation, folder) -%}
    {%- set kind = '__superseded__' if folder.startswith('silver/superseded/') else '__' -%}
    {{ return(relation.incorporate(path={'identifier': relation.identifier ~ kind ~ folder.split('/') | last})
        .include(database=false) | string) }}
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
