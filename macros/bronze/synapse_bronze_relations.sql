{#-
    Synapse: views that name the landed files, read from the data source c360_lake. Files that are read alike are read by one
    OPENROWSET. A column is bound by its place in the file, which the manifest's header tells: names may be in any order
    and case, and further columns in between.
-#}
{% macro synapse__create_bronze_relations() %}
    {% do synapse_check_lake(target.database) %}
    {% set landed = run_query(synapse_find_landed_files_sql()).rows %}
    {% if not landed %}
        {% do log('No manifest is to be seen in the lake: it is empty, or the pool may not list it.', info=true) %}
    {% endif %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' %}
        {% set files = landed | selectattr('entity', 'equalto', source.name) | list %}
        {% do run_query('create or alter view bronze.' ~ source.name ~ ' as\n' ~ synapse_bronze_sql(source, files)) %}
    {% endfor %}
    {% set manifests = [] %}
    {% for batch_id in landed | map(attribute='_batch_id') | unique %}
        {% do manifests.append('bronze/manifests/' ~ batch_id ~ '.json') %}
    {% endfor %}
    {% do run_query('create or alter view bronze.landed_files as\n' ~ (
        synapse_landed_files_sql(manifests) if landed else synapse_empty_relation(
            ['entity', 'format', 'path', 'header', '_source_file', '_batch_id'],
            ['row_count', 'malformed_row_count', 'parallel_safe', 'longest_record'],
        )
    )) %}
    {% set malformed = landed | selectattr('malformed_row_count') | list %}
    {% do run_query('create or alter view bronze.malformed_lines as\n' ~ synapse_malformed_lines_sql(malformed)) %}
{% endmacro %}


{#-
    Every landed file, or no row where no manifest can be listed (error 13807), as in a lake that is still empty. The query
    stands in EXEC because the pool lists files before it runs the batch, where CATCH would not see the error.
-#}
{% macro synapse_find_landed_files_sql() %}
begin try
    exec(N{{ sql_text(synapse_landed_files_sql(['bronze/manifests/*.json']) ~ '\norder by landed_file.path') }});
end try
begin catch
    if error_number() <> 13807
    begin;
        throw;
    end;
end catch;
{% endmacro %}


{#- One row per landed file: what the manifests say of it. -#}
{% macro synapse_landed_files_sql(manifests) %}
select
    landed_file.entity,
    landed_file.format,
    landed_file.path,
    landed_file.header,
    landed_file.row_count,
    landed_file.malformed_row_count,
    landed_file.parallel_safe,
    landed_file.longest_record,
    {{ synapse_last_part('landed_file.path') }} as _source_file,
    batch.batch_id as _batch_id
from {{ synapse_text_rows(manifests, '0x0b') }} as document
cross apply openjson(document.line) with (
    batch_id {{ engine_type('varchar(255)') }} '$.batch_id',
    files nvarchar(max) '$.files' as json
) as batch
cross apply openjson(batch.files) with (
    entity {{ engine_type('varchar(50)') }} '$.entity',
    format {{ engine_type('varchar(50)') }} '$.format',
    path nvarchar(2000) '$.path',
    header nvarchar(max) '$.header' as json,
    row_count bigint '$.rows',
    malformed_row_count bigint '$.malformed_rows',
    parallel_safe bit '$.parallel_safe',
    longest_record bigint '$.longest_record',
    outcome {{ engine_type('varchar(50)') }} '$.outcome'
) as landed_file
where landed_file.outcome = N'landed'
{%- endmacro %}


{#- The landed files of one entity as one select. -#}
{% macro synapse_bronze_sql(source, files) %}
    {% set names = source.columns.values() | map(attribute='name') | list %}
    {% if not files %}{{ return(synapse_empty_relation(names + ['_source_file', '_batch_id'])) }}{% endif %}
    {% set alike = {} %}
    {% for file in files %}
        {% set header = fromjson(file.header) %}
        {% set spelled = header | map('trim') | map('lower') | list %}
        {% set places = [] %}
        {% for name in names %}
            {% set place = spelled.index(name | lower) if name | lower in spelled else none %}
            {% do places.append(header[place] if file.format == 'jsonl' and place is not none else place) %}
        {% endfor %}
        {% set options = {
            'format': file.format,
            'compressed': file.path.endswith('.gz'),
            'type': synapse_text_type(file.longest_record),
            'parallel_safe': file.parallel_safe,
            'places': places,
        } %}
        {% do alike.setdefault(tojson(options), []).append(file.path) %}
    {% endfor %}
    {% set selects = [] %}
    {% for options, paths in alike.items() %}
        {% set options = fromjson(options) %}
        {% set read = synapse_json_sql if options.format == 'jsonl' else synapse_csv_sql %}
        {% do selects.append(read(names, paths, options)) %}
    {% endfor %}
    {{ return(selects | join('\nunion all\n')) }}
{% endmacro %}


{#-
    A select of CSV files. Parser 2.0 is the fast one: it reads a file in several places at once, so it gets the files that
    landing found safe to read so; it knows no compression and no value of more than 8,000 bytes. Parser 1.0 gets the
    rest. One of them takes "" for a text, the other for nothing; here it is null, as on every engine.
-#}
{% macro synapse_csv_sql(names, paths, options) %}
{%- set fast = options.parallel_safe and not options.compressed and options.type != 'varchar(max)' -%}
select
    {%- for name, place in zip(names, options.places) %}
    {%- if place is none %}
    cast(null as {{ options.type }}) as {{ quoted(name) }},
    {%- else %}
    case when datalength(landed.{{ quoted(name) }}) > 0 then landed.{{ quoted(name) }} end as {{ quoted(name) }},
    {%- endif %}
    {%- endfor %}
    landed.file_name as _source_file,
    {{ synapse_last_part(synapse_folder('landed.file_path')) }} as _batch_id
from (
    select
        {%- for name, place in zip(names, options.places) if place is not none %}
        raw.{{ quoted(name) }},
        {%- endfor %}
        {{ synapse_file_columns('raw') }}
    from openrowset(
        bulk {{ synapse_bulk(paths) }},
        data_source = 'c360_lake',
        format = 'CSV',
        parser_version = '{{ '2.0' if fast else '1.0' }}',
        firstrow = 2
        {%- if options.compressed %},
        data_compression = 'GZIP'
        {%- endif %}
    ) with (
        {%- set columns = [] -%}
        {%- for name, place in zip(names, options.places) if place is not none -%}
            {%- do columns.append(
                quoted(name) ~ ' ' ~ options.type ~ ' collate ' ~ synapse_collation() ~ ' ' ~ (place + 1)
            ) -%}
        {%- endfor %}
        {{ columns | join(',\n        ') }}
    ) as raw
) as landed
{%- endmacro %}


{#- A select of files with one JSON object a line. A value that is an object or a list itself is taken as its text. -#}
{% macro synapse_json_sql(names, paths, options) %}
select
    {%- for name, place in zip(names, options.places) %}
    {%- if place is none %}
    cast(null as {{ options.type }}) as {{ quoted(name) }},
    {%- else %}
    cast(
        coalesce(record.{{ quoted(name) }}, record.{{ quoted(name ~ ' (JSON)') }}) collate {{ synapse_collation() }} as {{ options.type }}
    ) as {{ quoted(name) }},
    {%- endif %}
    {%- endfor %}
    landed.file_name as _source_file,
    {{ synapse_last_part(synapse_folder('landed.file_path')) }} as _batch_id
from (
    select
        raw.line,
        {{ synapse_file_columns('raw') }}
    from {{ synapse_text_rows(paths, '0x0a') }} as raw
) as landed
cross apply openjson(landed.line) with (
    {%- set columns = [] -%}
    {%- for name, place in zip(names, options.places) if place is not none -%}
        {%- set path = sql_text('$.' ~ tojson(place)) -%}
        {%- do columns.append(quoted(name) ~ ' nvarchar(max) ' ~ path) -%}
        {%- do columns.append(quoted(name ~ ' (JSON)') ~ ' nvarchar(max) ' ~ path ~ ' as json') -%}
    {%- endfor %}
    {{ columns | join(',\n    ') }}
) as record
{%- endmacro %}


{#- The lines that landing set aside: files under _malformed, one JSON object a line. -#}
{% macro synapse_malformed_lines_sql(files) %}
    {%- set paths = [] -%}
    {%- for file in files -%}
        {%- do paths.append(
            'bronze/malformed/' ~ file.entity ~ '/' ~ file._batch_id ~ '/' ~ file._source_file ~ '.jsonl'
        ) -%}
    {%- endfor -%}
    {%- if not paths -%}{{ return(synapse_empty_relation(['entity', 'raw_row', '_source_file', '_batch_id'])) }}{%- endif -%}
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


{#- The type of the values of a file whose longest record has so many bytes: the pool plans memory by the declared length. -#}
{% macro synapse_text_type(longest_record) %}
    {% for size in [64, 128, 256, 512, 1024, 2048, 4096, 8000] if longest_record and longest_record <= size %}
        {{ return('varchar(' ~ size ~ ')') }}
    {% endfor %}
    {{ return('varchar(max)') }}
{% endmacro %}


{#- A relation without rows: text columns, then whole numbers. -#}
{% macro synapse_empty_relation(texts, numbers=[]) %}
    {% set columns = [] %}
    {% for name in texts %}{% do columns.append('cast(null as nvarchar(4000)) as ' ~ quoted(name)) %}{% endfor %}
    {% for name in numbers %}{% do columns.append('cast(null as bigint) as ' ~ quoted(name)) %}{% endfor %}
    {{ return('select ' ~ columns | join(', ') ~ ' where 1 = 0') }}
{% endmacro %}
