{#- The CTE `files`: the landed files of an entity that its staging model has taken in, with their place. -#}
{% macro taken_in_files(entity) -%}
files as (
    select
        _batch_id,
        _source_file,
        file_number,
        delivery_number,
        row_count,
        as_of,
        row_number() over (
            order by case when row_count > 0 then 0 else 1 end, as_of desc, _batch_id desc, file_number desc
        ) as newest_first
    from {{ source('landing', 'landed_files') }}
    where
        entity = '{{ entity }}'
        {%- if staged_up_to(entity) is not none %}
        and _batch_id <= {{ sql_text(staged_up_to(entity)) }}
        {%- endif %}
)
{%- endmacro %}
