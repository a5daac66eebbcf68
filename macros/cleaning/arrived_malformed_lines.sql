{#-
    Where the lines are that were set aside when files were read: the source's relation, or, incrementally, the files of the
    batches after those up to which they have been taken in, which `since` gives by entity.
    Example: arrived_malformed_lines(source('landing', 'malformed_lines'), {'customers': '20260101T000000Z-aaaaaa'})
-#}
{% macro arrived_malformed_lines(relation, since) -%}
    {%- if not is_incremental() -%}{{ return(relation) }}{%- endif -%}
    {{ return('(' ~ adapter.dispatch('malformed_lines_of')(files_since(since) | selectattr('malformed_row_count') | list)
        ~ ') as arrived') }}
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
{% macro default__malformed_lines_of() -%}{{ return(none) }}{%- endmacro %}
