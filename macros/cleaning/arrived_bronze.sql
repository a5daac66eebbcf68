{#-
    Where the rows of bronze are that a staging model stages: the source's relation, or, incrementally, the files of the
    batches that it has not taken in. Example: arrived_bronze(source('bronze', 'customers'), 'customers')
-#}
{% macro arrived_bronze(relation, entity) -%}
    {%- if not is_incremental() -%}{{ return(relation) }}{%- endif -%}
    {{ return('(' ~ adapter.dispatch('bronze_rows_of')(
        graph.sources['source.' ~ project_name ~ '.bronze.' ~ entity], files_since({entity: increment().since.bronze})
    ) ~ ') as arrived') }}
{%- endmacro %}


{#-
    The same for the lines that were set aside when files were read. `since` is, by entity, the batch up to which they have been
    taken in. Example: arrived_malformed_lines(source('landing', 'malformed_lines'), {'customers': '20260101T000000Z-aaaaaa'})
-#}
{% macro arrived_malformed_lines(relation, since) -%}
    {%- if not is_incremental() -%}{{ return(relation) }}{%- endif -%}
    {{ return('(' ~ adapter.dispatch('malformed_lines_of')(files_since(since) | selectattr('malformed_row_count') | list)
        ~ ') as arrived') }}
{%- endmacro %}


{#- The landed files of batches after one, which is given by entity. -#}
{% macro files_since(since) -%}
    {%- set conditions = [] -%}
    {%- for entity, version in since.items() -%}
        {%- do conditions.append('(entity = ' ~ sql_text(entity) ~ ' and _batch_id > ' ~ sql_text(version) ~ ')') -%}
    {%- endfor -%}
    {{ return(run_query(
        'select entity, malformed_row_count, longest_value, _batch_id, _source_file from ' ~ source('landing', 'landed_files')
        ~ ' where ' ~ conditions | join(' or ') ~ ' order by _batch_id, file_number'
    ).rows) }}
{%- endmacro %}


{% macro duckdb__bronze_rows_of(source, files) -%}
    {%- if not files -%}{{ return(duckdb_bronze_sql(source, false)) }}{%- endif -%}
    {%- set paths = [] -%}
    {%- for file in files -%}{%- do paths.append(sql_text(lake_path(bronze_rows_path(file)))) -%}{%- endfor -%}
    {#- A file may lack a column that the contract got later. -#}
    {{ return(
        duckdb_bronze_sql(source, false) ~ ' union all by name select * from read_parquet([' ~ paths | join(', ')
        ~ '], union_by_name = true)'
    ) }}
{%- endmacro %}


{% macro duckdb__malformed_lines_of(files) -%}
    {%- if not files -%}{{ return(duckdb_malformed_lines_sql(false)) }}{%- endif -%}
    {%- set lines = [] -%}
    {%- for file in files -%}
        {%- do lines.append(
            'select ' ~ sql_text(file.entity) ~ ' as entity, cast(json as varchar) as raw_row, ' ~ sql_text(file._source_file)
            ~ ' as _source_file, ' ~ sql_text(file._batch_id) ~ ' as _batch_id from read_json_objects('
            ~ sql_text(lake_path(bronze_malformed_path(file))) ~ ", format = 'newline_delimited')"
        ) -%}
    {%- endfor -%}
    {{ return(lines | join(' union all ')) }}
{%- endmacro %}


{#- Asked where increments are taken (takes_increments). -#}
{% macro default__bronze_rows_of() -%}{{ return(none) }}{%- endmacro %}


{% macro default__malformed_lines_of() -%}{{ return(none) }}{%- endmacro %}
