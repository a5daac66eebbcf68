{#- DuckDB: views that name the landed files. -#}
{% macro duckdb__create_bronze_relations() %}
    {% set manifests = lake_path('bronze/manifests/*.json') %}
    {% set landed = [] %}
    {% if run_query('select count(*) from glob(' ~ sql_text(manifests) ~ ')').rows[0][0] %}
        {% set landed = run_query(duckdb_landed_files_sql(manifests) ~ ' order by path').rows %}
    {% endif %}
    {% do run_query('create schema if not exists bronze') %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' %}
        {% set files = landed | selectattr('entity', 'equalto', source.name) | list %}
        {% do run_query(
            'create or replace view bronze.' ~ source.name ~ ' as ' ~ duckdb_bronze_sql(source, files)
        ) %}
    {% endfor %}
    {% do run_query('create or replace view bronze.landed_files as ' ~ (
        duckdb_landed_files_sql(manifests) if landed else duckdb_empty_relation(
            ['entity', 'format', 'path', 'header', '_source_file', '_batch_id'],
            ['row_count', 'malformed_row_count', 'parallel_safe'],
        )
    )) %}
    {% set malformed = landed | selectattr('malformed_row_count') | list %}
    {% do run_query('create or replace view bronze.malformed_lines as ' ~ duckdb_malformed_lines_sql(malformed)) %}
{% endmacro %}


{#- One row per landed file: what the manifests say of it. -#}
{% macro duckdb_landed_files_sql(manifests) %}
    select
        file.entity as entity,
        file.format as format,
        concat({{ sql_text(lake_path('')) }}, file.path) as path,
        cast(to_json(file.header) as varchar) as header,
        file.rows as row_count,
        file.malformed_rows as malformed_row_count,
        file.parallel_safe as parallel_safe,
        parse_filename(file.path) as _source_file,
        batch_id as _batch_id
    from (
        select
            batch_id,
            unnest(files) as file
        from read_json({{ sql_text(manifests) }}, maximum_object_size = 134217728, columns = {
            'batch_id': 'varchar',
            'files': 'struct(entity varchar, format varchar, path varchar, header varchar[], "rows" bigint, malformed_rows bigint, parallel_safe boolean, outcome varchar)[]'
        })
    )
    where file.outcome = 'landed'
{% endmacro %}


{#- The landed files of one entity as one select; files that are read alike are read together. -#}
{% macro duckdb_bronze_sql(source, files) %}
    {% set names = source.columns.values() | map(attribute='name') | list %}
    {% if not files %}{{ return(duckdb_empty_relation(names + ['_source_file', '_batch_id'])) }}{% endif %}
    {% set alike = {} %}
    {% for file in files %}
        {% do alike.setdefault((file.header, file.format, file.parallel_safe), []).append(file.path) %}
    {% endfor %}
    {% set selects = [] %}
    {% for (header_text, format, parallel_safe), paths in alike.items() %}
        {% set header = fromjson(header_text) %}
        {% set wanted = [] %}
        {% for name in names %}
            {% set found = [] %}
            {% for column in header if column | trim | lower == name | lower %}{% do found.append(column) %}{% endfor %}
            {% do wanted.append((quoted(found[0]) if found else 'cast(null as varchar)') ~ ' as ' ~ quoted(name)) %}
        {% endfor %}
        {% do selects.append(
            'select ' ~ wanted | join(', ') ~ ', parse_filename(filename) as _source_file, '
            ~ 'parse_filename(parse_dirpath(filename)) as _batch_id from '
            ~ duckdb_read_files(format, paths, header, parallel_safe)
        ) %}
    {% endfor %}
    {{ return(selects | join(' union all ')) }}
{% endmacro %}


{#-
    A call of the reader for landed files of one format and header; landing has made sure that they are well-formed.
    DuckDB's parallel reader can lose its place in a file whose quoted fields hold commas, quotes or line breaks; landing
    says which files have such fields.
-#}
{% macro duckdb_read_files(format, paths, header, parallel_safe) %}
    {% set files = [] %}
    {% for path in paths %}{% do files.append(sql_text(path)) %}{% endfor %}
    {% set columns = [] %}
    {% for column in header %}{% do columns.append(sql_text(column) ~ ": 'varchar'") %}{% endfor %}
    {% set arguments = '[' ~ files | join(', ') ~ '], filename = true, columns = {' ~ columns | join(', ') ~ '}, ' %}
    {% if format == 'csv' %}
        {{ return(
            'read_csv(' ~ arguments ~ "auto_detect = false, header = true, delim = ',', quote = '\"', escape = '\"', "
            ~ 'strict_mode = true, parallel = ' ~ ('false' if parallel_safe == false else 'true') ~ ')'
        ) }}
    {% endif %}
    {{ return('read_json(' ~ arguments ~ "format = 'newline_delimited')") }}
{% endmacro %}


{#- The lines that landing set aside: files under _malformed, one JSON object a line. -#}
{% macro duckdb_malformed_lines_sql(files) %}
    {% set paths = [] %}
    {% set folder = lake_path('bronze/malformed/') %}
    {% for file in files %}
        {% do paths.append(sql_text(
            folder ~ file.entity ~ '/' ~ file._batch_id ~ '/' ~ file._source_file ~ '.jsonl'
        )) %}
    {% endfor %}
    {% if not paths %}{{ return(duckdb_empty_relation(['entity', 'raw_row', '_source_file', '_batch_id'])) }}{% endif %}
    select
        parse_filename(parse_dirpath(parse_dirpath(filename))) as entity,
        cast(json as varchar) as raw_row,
        regexp_replace(parse_filename(filename), '\.jsonl$', '') as _source_file,
        parse_filename(parse_dirpath(filename)) as _batch_id
    from read_json_objects([{{ paths | join(', ') }}], format = 'newline_delimited', filename = true)
{% endmacro %}


{#- A relation without rows: text columns, then whole numbers. -#}
{% macro duckdb_empty_relation(texts, numbers=[]) %}
    {% set columns = [] %}
    {% for name in texts %}{% do columns.append('cast(null as varchar) as ' ~ quoted(name)) %}{% endfor %}
    {% for name in numbers %}{% do columns.append('cast(null as bigint) as ' ~ quoted(name)) %}{% endfor %}
    {{ return('select ' ~ columns | join(', ') ~ ' where 1 = 0') }}
{% endmacro %}
