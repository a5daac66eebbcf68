{#-
    DuckDB: `bronze.landed_files` is a table, so that all of one invocation sees the same batches and asks for them at no
    cost; the others are views over all files of rows below a folder, of which they show those that the table has. Their text
    is the same from run to run; a comment with its hash tells that a view is as it should be.
-#}
{% macro duckdb__create_bronze_relations() %}
    {% do read_declared() %}
    {% do run_query('create or replace temp table c360_landed_files as ' ~ duckdb_landed_files_sql()) %}
    {% set malformed_rows = {} %}
    {% for entity, count in run_query(
        'select entity, cast(sum(malformed_row_count) as bigint) from c360_landed_files group by entity'
    ).rows %}
        {% do malformed_rows.update({entity: count}) %}
    {% endfor %}
    {% if not malformed_rows %}{% do duckdb_check_bronze_is_there() %}{% endif %}
    {% do run_query('create schema if not exists bronze') %}
    {% set made = {} %}
    {% for view, comment in run_query(
        "select view_name, comment from duckdb_views() where database_name = current_database() and schema_name = 'bronze'"
    ).rows %}
        {% do made.update({view: comment}) %}
    {% endfor %}
    {#- As which an earlier version made it. -#}
    {% if 'landed_files' in made %}{% do run_query('drop view bronze.landed_files') %}{% endif %}
    {% do run_query('create or replace table bronze.landed_files as select * from c360_landed_files') %}
    {% do run_query('drop table c360_landed_files') %}
    {% set views = {'malformed_lines': duckdb_malformed_lines_sql(malformed_rows.values() | sum > 0)} %}
    {% for source in graph.sources.values() if source.source_name == 'bronze' %}
        {% do views.update({source.name: duckdb_bronze_sql(source, source.name in malformed_rows)}) %}
    {% endfor %}
    {% for view, sql in views.items() if made.get(view) != local_md5(sql) %}
        {% do run_query('create or replace view bronze.' ~ view ~ ' as ' ~ sql) %}
        {% do run_query('comment on view bronze.' ~ view ~ ' is ' ~ sql_text(local_md5(sql))) %}
    {% endfor %}
{% endmacro %}


{#-
    One row per landed file: what the manifests say of it, those that stand for themselves and, of batches that none does, the
    index. The patterns see no folder below, where those stand that were taken back.
-#}
{% macro duckdb_landed_files_sql() %}
    {% set manifests = duckdb_lake_pattern('bronze/manifests', '*.json') %}
    {% set index = duckdb_lake_pattern('bronze/manifests', 'index.jsonl') %}
    {% set documents = [] %}
    {% if duckdb_has_files(manifests) %}
        {% do documents.append('select batch_id, files from ' ~ duckdb_manifests(manifests, 'auto')) %}
    {% endif %}
    {% if duckdb_has_files(index) %}
        {% do documents.append(
            'select batch_id, files from ' ~ duckdb_manifests(index, 'newline_delimited') ~ ' where retracted_at is null '
            ~ 'and batch_id not in (select parse_filename(file, true) from glob(' ~ sql_text(manifests) ~ '))'
        ) %}
    {% endif %}
    {% if not documents %}
        {{ return(duckdb_empty_relation({
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
        })) }}
    {% endif %}
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
        concat(file.read_as.reader, '-', file.read_as.declaration, '-', file.sha256) as fingerprint,
        parse_filename(file.path) as _source_file,
        batch_id as _batch_id
    from (
        select
            batch_id,
            unnest(files) as file,
            generate_subscripts(files, 1) as file_number
        from ({{ documents | join(' union all ') }})
        where batch_id not in (
            select parse_filename(file, true)
            from glob({{ sql_text(duckdb_lake_pattern('bronze/manifests/retracted', '*.json')) }})
        )
    )
    where file.outcome = 'landed'
{% endmacro %}


{% macro duckdb_manifests(pattern, format) -%}
    read_json({{ sql_text(pattern) }}, format = '{{ format }}', maximum_object_size = 134217728, columns = {
        'batch_id': 'varchar',
        'retracted_at': 'varchar',
        'files': 'struct(entity varchar, format varchar, path varchar, header varchar[], "rows" bigint, malformed_rows bigint, longest_value bigint, outcome varchar, source varchar, sha256 varchar, read_as struct(as_of varchar, reader varchar, declaration varchar))[]'
    })
{%- endmacro %}


{#-
    The rows of one entity's landed files. The empty relation before them gives the columns that no file has, because the
    contract got them later; that the columns are united by name has DuckDB know how many rows follow, by which it plans joins.
-#}
{% macro duckdb_bronze_sql(source, has_files) %}
    {% set columns = {} %}
    {% for column in source.columns.values() %}{% do columns.update({column.name: 'varchar'}) %}{% endfor %}
    {% do columns.update({
        '_row_number': 'bigint', '_as_of': 'timestamp', '_source_file': 'varchar', '_batch_id': 'varchar'
    }) %}
    {% set empty = duckdb_empty_relation(columns) %}
    {% if not has_files %}{{ return(empty) }}{% endif %}
    select {{ quoted_list(columns) }}
    from (
        {{ empty }}
        union all by name
        select *
        from read_parquet(
            {{ sql_text(duckdb_lake_pattern('bronze/rows/' ~ source.name, '*/*.parquet')) }}, union_by_name = true
        )
        semi join (select _source_file, _batch_id from bronze.landed_files where entity = {{ sql_text(source.name) }})
            using (_source_file, _batch_id)
    )
{% endmacro %}


{#- The lines that were set aside, one JSON object a line. -#}
{% macro duckdb_malformed_lines_sql(has_lines) %}
    {% if not has_lines %}
        {{ return(duckdb_empty_relation({
            'entity': 'varchar', 'raw_row': 'varchar', '_source_file': 'varchar', '_batch_id': 'varchar'
        })) }}
    {% endif %}
    select *
    from (
        select
            parse_filename(parse_dirpath(parse_dirpath(filename))) as entity,
            cast(json as varchar) as raw_row,
            regexp_replace(parse_filename(filename), '\.jsonl$', '') as _source_file,
            parse_filename(parse_dirpath(filename)) as _batch_id
        from read_json_objects(
            {{ sql_text(duckdb_lake_pattern('bronze/malformed', '*/*/*.jsonl')) }},
            format = 'newline_delimited', filename = true
        )
    )
    semi join bronze.landed_files using (entity, _source_file, _batch_id)
{% endmacro %}


{#- A relation without rows; `columns` maps names to types. -#}
{% macro duckdb_empty_relation(columns) %}
    {% set values = [] %}
    {% for name, type in columns.items() %}{% do values.append('cast(null as ' ~ type ~ ') as ' ~ quoted(name)) %}{% endfor %}
    {{ return('select ' ~ values | join(', ') ~ ' where 1 = 0') }}
{% endmacro %}


{#- Asked before `bronze.landed_files` is made anew, which the invocation before left, as a view where that was long ago. -#}
{% macro duckdb_check_bronze_is_there() %}
    {% set published = lake_path('silver/published.json') %}
    {% set index = duckdb_lake_pattern('bronze/manifests', 'index.jsonl') %}
    {% set batches = [] %}
    {% if duckdb_has_files(published) %}
        {% set batches = run_query(
            'select unnest(batches) from read_json(' ~ sql_text(published) ~ ", columns = {'batches': 'varchar[]'})"
        ).columns[0].values() %}
    {% endif %}
    {% set retracted = 'select parse_filename(file, true) from glob('
        ~ sql_text(duckdb_lake_pattern('bronze/manifests/retracted', '*.json')) ~ ')' %}
    {% if duckdb_has_files(index) %}
        {% set retracted = retracted ~ ' union all select batch_id from ' ~ duckdb_manifests(index, 'newline_delimited')
            ~ ' where retracted_at is not null' %}
    {% endif %}
    {% set had_files = run_query(
        "select count(*) from (select schema_name, table_name, database_name from duckdb_tables() where estimated_size > 0 "
        ~ "union all select schema_name, view_name, database_name from duckdb_views() where contains(sql, 'read_json')) "
        ~ "where database_name = current_database() and schema_name = 'bronze' and table_name = 'landed_files'"
    ).rows[0][0] > 0 %}
    {% do check_bronze_is_there(
        lake_path('').rstrip('/'),
        batches,
        run_query(retracted).columns[0].values(),
        had_files
    ) %}
{% endmacro %}


{#- A pattern for files of a folder in the lake, whose own path may have [, * and ? in it. -#}
{% macro duckdb_lake_pattern(folder, names) %}
    {{ return(modules.re.sub('[*?[]', '[\\g<0>]', lake_path(folder)) ~ '/' ~ names) }}
{% endmacro %}


{% macro duckdb_has_files(pattern) %}
    {{ return(run_query('select count(*) from glob(' ~ sql_text(pattern) ~ ')').rows[0][0] > 0) }}
{% endmacro %}
