{#-
    Synapse: views over the data source c360_lake, and external tables `bronze_raw.<entity>` over the CSV files as they were
    received, for people. `bronze.landed_files` names the manifests that stand for themselves, which are few, and the index;
    the others are over all files of rows below a folder, of which they show those that it has. What they read is the same
    from run to run; a comment with its hash tells that a view is as it should be.
-#}
{% macro synapse__create_bronze_relations() %}
    {% do synapse_check_lake(target.database) %}
    {% do synapse_check_set_up(target.database) %}
    {% do read_declared() %}
    {% set standing = synapse_manifest_names('bronze/manifests/*.json') %}
    {% set retracted = synapse_manifest_names('bronze/manifests/retracted/*.json') %}
    {% set has_index = run_query(synapse_if_found(
        'select count(*) from ' ~ synapse_text_rows(['bronze/manifests/index*.jsonl'], '0x0a') ~ ' as document'
    )).rows | length > 0 %}
    {% set landed_files = synapse_landed_files_sql(standing, retracted, has_index) %}
    {% set landed = {} %}
    {% for row in run_query(synapse_landed_entities_sql(standing, retracted, has_index)).rows if row.landed_files %}
        {% do landed.update({row.entity: row}) %}
    {% endfor %}
    {% if not landed %}
        {#- Error 13807 says no more; before the check, for whom it stops. -#}
        {% do log('No manifest is to be seen in the lake: it is empty, or the pool may not list it.', info=true) %}
        {% do synapse_check_bronze_is_there(retracted, has_index) %}
    {% endif %}
    {% set views = {
        'landed_files': landed_files,
        'malformed_lines': synapse_malformed_lines_sql(landed.values() | sum(attribute='malformed_rows') > 0),
    } %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' %}
        {% do views.update({source.name: synapse_bronze_sql(source, landed.get(source.name))}) %}
    {% endfor %}
    {% set made = {} %}
    {% for view, definition in run_query(synapse_bronze_views_sql()).rows %}
        {% do made.update({view: definition}) %}
    {% endfor %}
    {% for view, sql in views.items() if local_md5(sql) not in made.get(view, '') %}
        {% do run_query('create or alter view bronze.' ~ view ~ ' as\n-- ' ~ local_md5(sql) ~ '\n' ~ sql) %}
    {% endfor %}
    {% do synapse_create_raw_tables(landed.values() | selectattr('csv_files') | map(attribute='entity') | list) %}
{% endmacro %}


{% macro synapse_bronze_views_sql() -%}
    select
        made.name as view_name,
        modules.definition
    from sys.views as made
    inner join sys.sql_modules as modules on made.object_id = modules.object_id
    where made.schema_id = schema_id(N'bronze')
{%- endmacro %}


{#- The batches whose manifests stand in a folder of the lake under names of their own. -#}
{% macro synapse_manifest_names(pattern) %}
    {% set found = run_query(synapse_if_found(
        'select document.file_name\nfrom (select ' ~ synapse_file_columns('raw') ~ ' from '
        ~ synapse_text_rows([pattern], '0x0b') ~ ' as raw) as document'
    )).rows %}
    {% set batches = [] %}
    {% for row in found %}{% do batches.append(row[0][:-('.json' | length)]) %}{% endfor %}
    {{ return(batches | sort) }}
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


{#-
    One row per landed file: what the manifests say of it, those that stand for themselves and, of batches that none does, the
    index.
-#}
{% macro synapse_landed_files_sql(standing, retracted, has_index) %}
    {% set counting = standing | reject('in', retracted) | list %}
    {% if not counting and not has_index %}
        {{ return(synapse_empty_relation({
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
            'fingerprint': 'nvarchar(510)',
            '_source_file': 'nvarchar(2000)',
            '_batch_id': 'nvarchar(510)',
        })) }}
    {% endif %}
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
    cast(
        concat(landed_file.reader, N'-', landed_file.declaration, N'-', landed_file.sha256)
        as {{ engine_type('varchar(255)') }}
    ) as fingerprint,
    {{ synapse_last_part('landed_file.path') }} as _source_file,
    batch.batch_id as _batch_id
{{ synapse_manifests_sql(counting, [], standing + retracted, has_index) }}
    and batch.retracted_at is null
{%- endmacro %}


{#-
    By entity: how many files have landed and how many of them are CSV, how many lines were set aside, and the length in bytes
    of the longest value, for which those count too that were taken back, since their files of rows are read all the same.
    What an older version landed does not say how long its values are.
-#}
{% macro synapse_landed_entities_sql(standing, retracted, has_index) %}
    {% if not standing and not retracted and not has_index %}
        {{ return(synapse_empty_relation({
            'entity': 'nvarchar(100)', 'landed_files': 'bigint', 'csv_files': 'bigint', 'malformed_rows': 'bigint',
            'longest_value': 'bigint',
        })) }}
    {% endif %}
select
    landed_file.entity,
    sum(case when batch.retracted_at is null then 1 else 0 end) as landed_files,
    sum(case when batch.retracted_at is null and landed_file.format = N'csv' then 1 else 0 end) as csv_files,
    sum(case when batch.retracted_at is null then landed_file.malformed_row_count else 0 end) as malformed_rows,
    max(coalesce(landed_file.longest_value, 1000000)) as longest_value
{{ synapse_manifests_sql(standing | reject('in', retracted) | list, retracted, standing + retracted, has_index) }}
group by landed_file.entity
{%- endmacro %}


{#-
    FROM and WHERE of every landed file (`landed_file`) of manifests (`batch`), and its `place` in its batch: of those that
    stand for themselves and of the index, without the batches of it that are `overlaid`.
-#}
{% macro synapse_manifests_sql(standing, retracted, overlaid, has_index) -%}
    {%- set files = [] -%}
    {%- for batch_id in standing -%}{%- do files.append('bronze/manifests/' ~ batch_id ~ '.json') -%}{%- endfor -%}
    {%- for batch_id in retracted -%}
        {%- do files.append('bronze/manifests/retracted/' ~ batch_id ~ '.json') -%}
    {%- endfor -%}
    {%- set names = [] -%}
    {%- for batch_id in overlaid | unique -%}{%- do names.append('N' ~ sql_text(batch_id)) -%}{%- endfor -%}
from (
    {%- if files %}
    select
        document.line,
        0 as is_folded
    from {{ synapse_text_rows(files, '0x0b') }} as document
    {%- endif %}
    {%- if files and has_index %}
    union all
    {%- endif %}
    {%- if has_index %}
    select
        document.line,
        1 as is_folded
    from {{ synapse_text_rows(['bronze/manifests/index.jsonl'], '0x0a') }} as document
    {%- endif %}
) as documents
cross apply openjson(documents.line) with (
    batch_id {{ engine_type('varchar(255)') }} '$.batch_id',
    retracted_at {{ engine_type('varchar(50)') }} '$.retracted_at',
    files nvarchar(max) '$.files' as json
) as batch
cross apply openjson(batch.files) as place
cross apply openjson(place.value) with (
    source nvarchar(2000) '$.source',
    as_of {{ engine_type('varchar(50)') }} '$.read_as.as_of',
    reader {{ engine_type('varchar(50)') }} '$.read_as.reader',
    declaration {{ engine_type('varchar(50)') }} '$.read_as.declaration',
    sha256 {{ engine_type('varchar(100)') }} '$.sha256',
    entity {{ engine_type('varchar(50)') }} '$.entity',
    format {{ engine_type('varchar(50)') }} '$.format',
    path nvarchar(2000) '$.path',
    header nvarchar(max) '$.header' as json,
    row_count bigint '$.rows',
    malformed_row_count bigint '$.malformed_rows',
    longest_value bigint '$.longest_value',
    outcome {{ engine_type('varchar(50)') }} '$.outcome'
) as landed_file
where
    landed_file.outcome = N'landed'
    {%- if has_index and names %}
    and (documents.is_folded = 0 or batch.batch_id not in ({{ names | join(', ') }}))
    {%- endif %}
{%- endmacro %}


{#-
    The rows of one entity's landed files. The pool plans memory by the declared length, which is that of the longest value of
    all files. A column that a file lacks, because the contract got it later, is null.
-#}
{% macro synapse_bronze_sql(source, landed) %}
    {% set names = source.columns.values() | map(attribute='name') | list %}
    {% if not landed %}
        {% set columns = {} %}
        {% for name in names %}{% do columns.update({name: 'nvarchar(4000)'}) %}{% endfor %}
        {% do columns.update({
            '_row_number': 'bigint', '_as_of': 'datetime2(6)', '_source_file': 'nvarchar(510)', '_batch_id': 'nvarchar(510)'
        }) %}
        {{ return(synapse_empty_relation(columns)) }}
    {% endif %}
{{ synapse_rows_sql(source, ['bronze/rows/' ~ source.name ~ '/*/*.parquet'], landed.longest_value) }}
inner join bronze.landed_files as landed_file
    on
        landed_file.entity = N'{{ source.name }}'
        and landed._source_file = landed_file._source_file
        and landed._batch_id = landed_file._batch_id
{%- endmacro %}


{#- The rows of files of one entity, which `paths` name; no value of them has more bytes than `longest_value`. -#}
{% macro synapse_rows_sql(source, paths, longest_value) -%}
    {%- set names = source.columns.values() | map(attribute='name') | list -%}
    {%- set columns = [] -%}
    {%- for name in names -%}
        {%- do columns.append(quoted(name) ~ ' ' ~ synapse_utf8(synapse_text_type(longest_value))) -%}
    {%- endfor -%}
select
    {%- for name in names %}
    landed.{{ quoted(name) }},
    {%- endfor %}
    landed._row_number,
    cast(landed._as_of as datetime2(6)) as _as_of,
    landed._source_file,
    landed._batch_id
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
{%- endmacro %}


{#-
    External tables over the CSV files of the entities as they were received, for people to look at; no model reads them.
    Columns are bound by their place, so they are right for files with the contract's columns in its order and commas
    between; a file of another layout shows its values under the wrong names, or fails the query. One is made when files of
    an entity have landed and it is missing or has other columns than the contract now; it holds no data.
-#}
{% macro synapse_create_raw_tables(received) %}
    {% set found = {} %}
    {% for table, column in run_query(synapse_raw_columns_sql()).rows %}
        {% do found.setdefault(table, []).append(column) %}
    {% endfor %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' and source.name in received %}
        {% set columns = source.columns.values() | map(attribute='name') | reject('equalto', '_extra') | list %}
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
{% macro synapse_malformed_lines_sql(has_lines) %}
    {%- if not has_lines -%}{{ return(synapse_no_malformed_lines()) }}{%- endif -%}
select
    lines.entity,
    lines.raw_row,
    lines._source_file,
    lines._batch_id
from (
    {{ synapse_lines_sql(['bronze/malformed/*/*/*.jsonl']) }}
) as lines
inner join bronze.landed_files as landed_file
    on
        lines.entity = landed_file.entity
        and lines._source_file = landed_file._source_file
        and lines._batch_id = landed_file._batch_id
{%- endmacro %}


{#- The lines of files, which `paths` name. -#}
{% macro synapse_lines_sql(paths) -%}
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


{% macro synapse_no_malformed_lines() -%}
    {{ return(synapse_empty_relation({
        'entity': 'nvarchar(100)', 'raw_row': 'nvarchar(max)', '_source_file': 'nvarchar(510)', '_batch_id': 'nvarchar(510)'
    })) }}
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


{#- `retracted` are the batches taken back whose manifests stand for themselves. -#}
{% macro synapse_check_bronze_is_there(retracted, has_index) %}
    {% set published = [] %}
    {% for row in run_query(synapse_if_found(
        'select document.line from ' ~ synapse_text_rows(['silver/published*.json'], '0x0b') ~ ' as document'
    )).rows %}
        {% do published.extend(fromjson(row[0]).batches) %}
    {% endfor %}
    {% set folded = run_query(
        'select document.line from ' ~ synapse_text_rows(['bronze/manifests/index.jsonl'], '0x0a') ~ ' as document'
    ).rows if has_index else [] %}
    {% for row in folded if fromjson(row[0]).retracted_at %}
        {% do retracted.append(fromjson(row[0]).batch_id) %}
    {% endfor %}
    {% set views = run_query(
        "select definition from sys.sql_modules where object_id = object_id(N'bronze.landed_files')"
    ).rows %}
    {% do check_bronze_is_there(
        lake_url(), published, retracted, views | length > 0 and 'openrowset' in views[0][0] | lower
    ) %}
{% endmacro %}
