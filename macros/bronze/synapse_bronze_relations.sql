{#-
    Synapse: views that name the files of rows, read from the data source c360_lake, and external tables `bronze_raw.<entity>`
    over the CSV files as they were received, for people.
-#}
{% macro synapse__create_bronze_relations() %}
    {% do synapse_check_lake(target.database) %}
    {% do synapse_check_set_up(target.database) %}
    {% do read_declared() %}
    {% set landed = run_query(synapse_if_found(
        synapse_landed_files_sql(['bronze/manifests/*.json']) ~ '\norder by landed_file.path'
    )).rows %}
    {% if not landed %}
        {#- Error 13807 says no more; before the check, for whom it stops. -#}
        {% do log('No manifest is to be seen in the lake: it is empty, or the pool may not list it.', info=true) %}
        {% do synapse_check_bronze_is_there() %}
    {% endif %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' %}
        {% set files = landed | selectattr('entity', 'equalto', source.name) | list %}
        {% do run_query('create or alter view bronze.' ~ source.name ~ ' as\n' ~ synapse_bronze_sql(source, files)) %}
    {% endfor %}
    {% do synapse_create_raw_tables(landed) %}
    {% set manifests = [] %}
    {% for batch_id in landed | map(attribute='_batch_id') | unique %}
        {% do manifests.append('bronze/manifests/' ~ batch_id ~ '.json') %}
    {% endfor %}
    {% do run_query('create or alter view bronze.landed_files as\n' ~ (
        synapse_landed_files_sql(manifests) if landed else synapse_empty_relation({
            'entity': 'nvarchar(100)',
            'format': 'nvarchar(100)',
            'path': 'nvarchar(2000)',
            'header': 'nvarchar(max)',
            'row_count': 'bigint',
            'malformed_row_count': 'bigint',
            'longest_value': 'bigint',
            'as_of': 'datetime2(6)',
            'file_number': 'bigint',
            'delivery_number': 'bigint',
            '_source_file': 'nvarchar(2000)',
            '_batch_id': 'nvarchar(510)',
        })
    )) %}
    {% set malformed = landed | selectattr('malformed_row_count') | list %}
    {% do run_query('create or alter view bronze.malformed_lines as\n' ~ synapse_malformed_lines_sql(malformed)) %}
{% endmacro %}


{#-
    A query of files found by a pattern, or no row where none can be listed (error 13807), as in a lake that is still empty.
    The query stands in EXEC because the pool lists files before it runs the batch, where CATCH would not see the error.
-#}
{% macro synapse_if_found(query) %}
begin try
    exec(N{{ sql_text(query) }});
end try
begin catch
    if error_number() <> 13807
    begin;
        throw;
    end;
end catch;
{% endmacro %}


{#- One row per landed file: what the manifests say of it. A pattern sees no folder below, where retracted ones are. -#}
{% macro synapse_landed_files_sql(manifests) %}
select
    landed_file.entity,
    landed_file.format,
    landed_file.path,
    landed_file.header,
    landed_file.row_count,
    landed_file.malformed_row_count,
    landed_file.longest_value,
    try_cast(landed_file.as_of as datetime2(6)) as as_of,
    cast(place.[key] as bigint) + 1 as file_number,
    min(cast(place.[key] as bigint) + 1) over (
        partition by
            batch.batch_id,
            case when landed_file.source like N'api:%' then landed_file.source else landed_file.path end
    ) as delivery_number,
    {{ synapse_last_part('landed_file.path') }} as _source_file,
    batch.batch_id as _batch_id
from {{ synapse_text_rows(manifests, '0x0b') }} as document
cross apply openjson(document.line) with (
    batch_id {{ engine_type('varchar(255)') }} '$.batch_id',
    files nvarchar(max) '$.files' as json
) as batch
cross apply openjson(batch.files) as place
cross apply openjson(place.value) with (
    source nvarchar(2000) '$.source',
    as_of {{ engine_type('varchar(50)') }} '$.read_as.as_of',
    entity {{ engine_type('varchar(50)') }} '$.entity',
    format {{ engine_type('varchar(50)') }} '$.format',
    path nvarchar(2000) '$.path',
    header nvarchar(max) '$.header' as json,
    row_count bigint '$.rows',
    malformed_row_count bigint '$.malformed_rows',
    longest_value bigint '$.longest_value',
    outcome {{ engine_type('varchar(50)') }} '$.outcome'
) as landed_file
where landed_file.outcome = N'landed'
{%- endmacro %}


{#-
    The rows of one entity's landed files. Files whose values are about as long are read by one OPENROWSET: the pool plans
    memory by the declared length. A column that a file lacks, because the contract got it later, is null.
-#}
{% macro synapse_bronze_sql(source, files) %}
    {% set names = source.columns.values() | map(attribute='name') | list %}
    {% if not files %}
        {% set columns = {} %}
        {% for name in names %}{% do columns.update({name: 'nvarchar(4000)'}) %}{% endfor %}
        {% do columns.update({
            '_row_number': 'bigint', '_as_of': 'datetime2(6)', '_source_file': 'nvarchar(510)', '_batch_id': 'nvarchar(510)'
        }) %}
        {{ return(synapse_empty_relation(columns)) }}
    {% endif %}
    {% set paths_by_type = {} %}
    {% for file in files %}
        {% do paths_by_type.setdefault(synapse_text_type(file.longest_value), []).append(bronze_rows_path(file)) %}
    {% endfor %}
    {% for type, paths in paths_by_type.items() %}
        {%- set columns = [] -%}
        {%- for name in names -%}{%- do columns.append(quoted(name) ~ ' ' ~ synapse_utf8(type)) -%}{%- endfor %}
select
    {%- for name in names %}
    {{ quoted(name) }},
    {%- endfor %}
    _row_number,
    cast(_as_of as datetime2(6)) as _as_of,
    _source_file,
    _batch_id
from openrowset(
    bulk {{ synapse_bulk(paths) }},
    data_source = 'c360_lake',
    format = 'PARQUET'
) with (
    {{ columns | join(',\n    ') }},
    _row_number bigint,
    _as_of datetime2,
    _source_file {{ synapse_utf8('varchar(255)') }},
    _batch_id {{ synapse_utf8('varchar(255)') }}
) as landed
        {{- '\nunion all' if not loop.last }}
    {% endfor %}
{% endmacro %}


{#-
    External tables over the CSV files of the entities as they were received, for people to look at; no model reads them.
    Columns are bound by their place, so they are right for files with the contract's columns in its order and commas
    between; a file of another layout shows its values under the wrong names, or fails the query. One is made when files of
    an entity have landed and it is missing or has other columns than the contract now; it holds no data.
-#}
{% macro synapse_create_raw_tables(landed) %}
    {% set found = {} %}
    {% for table, column in run_query(synapse_raw_columns_sql()).rows %}
        {% do found.setdefault(table, []).append(column) %}
    {% endfor %}
    {% set received = landed | selectattr('format', 'equalto', 'csv') | map(attribute='entity') | list %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' and source.name in received %}
        {% set columns = source.columns.values() | map(attribute='name') | list %}
        {% set table = 'bronze_raw.' ~ quoted(source.name) %}
        {% if found.get(source.name) != columns %}
            {% if source.name in found %}{% do run_query('drop external table ' ~ table) %}{% endif %}
            {% do run_query(synapse_raw_table_sql(table, source.name, columns)) %}
        {% endif %}
    {% endfor %}
{% endmacro %}


{% macro synapse_raw_columns_sql() -%}
    select
        raw_tables.name as table_name,
        columns.name as column_name
    from sys.external_tables as raw_tables
    inner join sys.columns as columns on raw_tables.object_id = columns.object_id
    where raw_tables.schema_id = schema_id(N'bronze_raw')
    order by raw_tables.name, columns.column_id
{%- endmacro %}


{% macro synapse_raw_table_sql(table, entity, columns) -%}
create external table {{ table }} (
    {%- for column in columns %}
    {{ quoted(column) }} {{ synapse_utf8('varchar(8000)') }}{{ ',' if not loop.last }}
    {%- endfor %}
) with (
    location = 'bronze/{{ entity }}/*/*.csv',
    data_source = c360_lake,
    file_format = c360_csv
)
{%- endmacro %}


{#- The lines that were set aside, one JSON object a line. -#}
{% macro synapse_malformed_lines_sql(files) %}
    {%- if not files -%}
        {{ return(synapse_empty_relation({
            'entity': 'nvarchar(100)', 'raw_row': 'nvarchar(max)', '_source_file': 'nvarchar(510)', '_batch_id': 'nvarchar(510)'
        })) }}
    {%- endif -%}
    {%- set paths = [] -%}
    {%- for file in files -%}{%- do paths.append(bronze_malformed_path(file)) -%}{%- endfor -%}
select
    {{ synapse_last_part(synapse_folder(synapse_folder('landed.file_path'))) }} as entity,
    landed.line as raw_row,
    left(landed.file_name, len(landed.file_name) - len(N'.jsonl')) as _source_file,
    {{ synapse_last_part(synapse_folder('landed.file_path')) }} as _batch_id
from (
    select
        raw.line,
        {{ synapse_file_columns('raw') }}
    from {{ synapse_text_rows(paths, '0x0a') }} as raw
) as landed
{%- endmacro %}


{#- Files of plain text as rows of one column `line`, each ending with a byte such as 0x0a; no text holds a 0x0b. -#}
{% macro synapse_text_rows(paths, row_terminator) -%}
openrowset(
    bulk {{ synapse_bulk(paths) }},
    data_source = 'c360_lake',
    format = 'CSV',
    parser_version = '1.0',
    fieldterminator = '0x0b',
    fieldquote = '0x0b',
    rowterminator = '{{ row_terminator }}'
) with (line nvarchar(max))
{%- endmacro %}


{% macro synapse_bulk(paths) -%}
    {%- set texts = [] -%}
    {%- for path in paths -%}{%- do texts.append(sql_text(path)) -%}{%- endfor -%}
    {{ return(texts[0] if texts | length == 1 else '(' ~ texts | join(', ') ~ ')') }}
{%- endmacro %}


{#- Name and path of the file that a row comes from, cast as Microsoft's best practices have it. -#}
{% macro synapse_file_columns(alias) -%}
    cast({{ alias }}.filename() as {{ engine_type('varchar(255)') }}) as file_name,
        cast({{ alias }}.filepath() as nvarchar(2000)) as file_path
{%- endmacro %}


{% macro synapse_folder(path) -%}
    {{ return('left(' ~ path ~ ', len(' ~ path ~ ") - charindex(N'/', reverse(" ~ path ~ ')))') }}
{%- endmacro %}


{% macro synapse_last_part(path) -%}
    {{ return('right(' ~ path ~ ", charindex(N'/', reverse(" ~ path ~ ')) - 1)') }}
{%- endmacro %}


{#- The type of the values of a file, none of which has more bytes than so many; unknown in what an older version landed. -#}
{% macro synapse_text_type(longest_value) %}
    {% for size in [64, 128, 256, 512, 1024, 2048, 4096, 8000] if longest_value is not none and longest_value <= size %}
        {{ return('varchar(' ~ size ~ ')') }}
    {% endfor %}
    {{ return('varchar(max)') }}
{% endmacro %}


{#- A type of text as files have it. -#}
{% macro synapse_utf8(type) %}
    {{ return(type ~ ' collate ' ~ synapse_collation()) }}
{% endmacro %}


{#- A relation without rows; `columns` maps names to types. -#}
{% macro synapse_empty_relation(columns) %}
    {% set values = [] %}
    {% for name, type in columns.items() %}{% do values.append('cast(null as ' ~ type ~ ') as ' ~ quoted(name)) %}{% endfor %}
    {{ return('select ' ~ values | join(', ') ~ ' where 1 = 0') }}
{% endmacro %}


{% macro synapse_check_bronze_is_there() %}
    {% set documents = {} %}
    {% for name, pattern in [('published', 'silver/published*.json'), ('retracted', 'bronze/manifests/retracted/*.json')] %}
        {% do documents.update({name: run_query(synapse_if_found(
            'select document.line from ' ~ synapse_text_rows([pattern], '0x0b') ~ ' as document'
        )).rows}) %}
    {% endfor %}
    {% set published = [] %}
    {% for row in documents.published %}{% do published.extend(fromjson(row[0]).batches) %}{% endfor %}
    {% set retracted = [] %}
    {% for row in documents.retracted %}{% do retracted.append(fromjson(row[0]).batch_id) %}{% endfor %}
    {% set views = run_query(
        "select definition from sys.sql_modules where object_id = object_id(N'bronze.landed_files')"
    ).rows %}
    {% do check_bronze_is_there(
        lake_url(), published, retracted, views | length > 0 and 'openrowset' in views[0][0] | lower
    ) %}
{% endmacro %}
