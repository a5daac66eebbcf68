{#- DuckDB: views that name the files of rows. -#}
{% macro duckdb__create_bronze_relations() %}
    {% do read_declared() %}
    {% set manifests = duckdb_lake_pattern('bronze/manifests', '*.json') %}
    {% set landed = [] %}
    {% if duckdb_has_files(manifests) %}
        {% set landed = run_query(duckdb_landed_files_sql(manifests) ~ ' order by path').rows %}
    {% endif %}
    {% if not landed %}{% do duckdb_check_bronze_is_there() %}{% endif %}
    {% do run_query('create schema if not exists bronze') %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' %}
        {% set files = landed | selectattr('entity', 'equalto', source.name) | list %}
        {% do run_query(
            'create or replace view bronze.' ~ source.name ~ ' as ' ~ duckdb_bronze_sql(source, files)
        ) %}
    {% endfor %}
    {% do run_query('create or replace view bronze.landed_files as ' ~ (
        duckdb_landed_files_sql(manifests) if landed else duckdb_empty_relation({
            'entity': 'varchar',
            'format': 'varchar',
            'path': 'varchar',
            'header': 'varchar',
            'row_count': 'bigint',
            'malformed_row_count': 'bigint',
            'longest_value': 'bigint',
            'as_of': 'timestamp',
            'file_number': 'bigint',
            'delivery_number': 'bigint',
            'fingerprint': 'varchar',
            '_source_file': 'varchar',
            '_batch_id': 'varchar',
        })
    )) %}
    {% set malformed = landed | selectattr('malformed_row_count') | list %}
    {% do run_query('create or replace view bronze.malformed_lines as ' ~ duckdb_malformed_lines_sql(malformed)) %}
{% endmacro %}


{#- One row per landed file: what the manifests say of it. The pattern sees no folder below, where retracted ones are. -#}
{% macro duckdb_landed_files_sql(manifests) %}
    select
        file.entity as entity,
        file.format as format,
        concat({{ sql_text(lake_path('')) }}, file.path) as path,
        cast(to_json(file.header) as varchar) as header,
        file.rows as row_count,
        file.malformed_rows as malformed_row_count,
        file.longest_value as longest_value,
        try_cast(file.read_as.as_of as timestamp) as as_of,
        file_number,
        min(file_number) over (
            partition by batch_id, case when starts_with(file.source, 'api:') then file.source else file.path end
        ) as delivery_number,
        concat_ws('/', file.sha256, file.read_as.reader, file.read_as.declaration) as fingerprint,
        parse_filename(file.path) as _source_file,
        batch_id as _batch_id
    from (
        select
            batch_id,
            unnest(files) as file,
            generate_subscripts(files, 1) as file_number
        from read_json({{ sql_text(manifests) }}, maximum_object_size = 134217728, columns = {
            'batch_id': 'varchar',
            'files': 'struct(entity varchar, format varchar, path varchar, header varchar[], "rows" bigint, malformed_rows bigint, longest_value bigint, outcome varchar, source varchar, sha256 varchar, read_as struct(as_of varchar, reader varchar, declaration varchar))[]'
        })
    )
    where file.outcome = 'landed'
{% endmacro %}


{#-
    The rows of one entity's landed files. The empty relation before them gives the columns that no file has, because the
    contract got them later; DuckDB knows how many rows follow, by which it plans joins.
-#}
{% macro duckdb_bronze_sql(source, files) %}
    {% set columns = {} %}
    {% for column in source.columns.values() %}{% do columns.update({column.name: 'varchar'}) %}{% endfor %}
    {% do columns.update({
        '_row_number': 'bigint', '_as_of': 'timestamp', '_source_file': 'varchar', '_batch_id': 'varchar'
    }) %}
    {% set empty = duckdb_empty_relation(columns) %}
    {% if not files %}{{ return(empty) }}{% endif %}
    {% set lake = lake_path('') %}
    {% set paths = [] %}
    {% for file in files %}{% do paths.append(sql_text(lake ~ bronze_rows_path(file))) %}{% endfor %}
    select {{ quoted_list(columns) }}
    from (
        {{ empty }}
        union all by name
        select * from read_parquet([{{ paths | join(', ') }}], union_by_name = true)
    )
{% endmacro %}


{#- The lines that were set aside, one JSON object a line. -#}
{% macro duckdb_malformed_lines_sql(files) %}
    {% if not files %}
        {{ return(duckdb_empty_relation({
            'entity': 'varchar', 'raw_row': 'varchar', '_source_file': 'varchar', '_batch_id': 'varchar'
        })) }}
    {% endif %}
    {% set lake = lake_path('') %}
    {% set paths = [] %}
    {% for file in files %}{% do paths.append(sql_text(lake ~ bronze_malformed_path(file))) %}{% endfor %}
    select
        parse_filename(parse_dirpath(parse_dirpath(filename))) as entity,
        cast(json as varchar) as raw_row,
        regexp_replace(parse_filename(filename), '\.jsonl$', '') as _source_file,
        parse_filename(parse_dirpath(filename)) as _batch_id
    from read_json_objects([{{ paths | join(', ') }}], format = 'newline_delimited', filename = true)
{% endmacro %}


{#- A relation without rows; `columns` maps names to types. -#}
{% macro duckdb_empty_relation(columns) %}
    {% set values = [] %}
    {% for name, type in columns.items() %}{% do values.append('cast(null as ' ~ type ~ ') as ' ~ quoted(name)) %}{% endfor %}
    {{ return('select ' ~ values | join(', ') ~ ' where 1 = 0') }}
{% endmacro %}


{% macro duckdb_check_bronze_is_there() %}
    {% set published = lake_path('silver/published.json') %}
    {% set retracted = duckdb_lake_pattern('bronze/manifests/retracted', '*.json') %}
    {% set batches = [] %}
    {% if duckdb_has_files(published) %}
        {% set batches = run_query(
            'select unnest(batches) from read_json(' ~ sql_text(published) ~ ", columns = {'batches': 'varchar[]'})"
        ).columns[0].values() %}
    {% endif %}
    {% do check_bronze_is_there(
        lake_path('').rstrip('/'),
        batches,
        run_query(
            "select parse_filename(file, true) from glob(" ~ sql_text(retracted) ~ ')'
        ).columns[0].values(),
        run_query(
            "select count(*) from duckdb_views() where database_name = current_database() and schema_name = 'bronze' "
            ~ "and view_name = 'landed_files' and contains(sql, 'read_json')"
        ).rows[0][0] > 0,
    ) %}
{% endmacro %}


{#- A pattern for files of a folder in the lake, whose own path may have [, * and ? in it. -#}
{% macro duckdb_lake_pattern(folder, names) %}
    {{ return(modules.re.sub('[*?[]', '[\\g<0>]', lake_path(folder)) ~ '/' ~ names) }}
{% endmacro %}


{% macro duckdb_has_files(pattern) %}
    {{ return(run_query('select count(*) from glob(' ~ sql_text(pattern) ~ ')').rows[0][0] > 0) }}
{% endmacro %}
