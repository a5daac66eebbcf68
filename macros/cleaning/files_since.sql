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
