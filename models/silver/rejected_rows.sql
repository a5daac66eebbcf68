{{ config(incremental_strategy='append') }}
with staged as (
    {%- for entity in entities() %}
    select
        '{{ entity }}' as entity,
        reject_reason as reason,
        raw_row,
        _source_file,
        _batch_id
    from {{ ref('stg_' ~ entity) }}
    where
        reject_reason is not null
        {%- if is_incremental() %}
        and _batch_id > {{ sql_text(increment().since['stg_' ~ entity]) }}
        {%- endif %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

malformed as (
    select
        entity,
        'malformed_line' as reason,
        raw_row,
        _source_file,
        _batch_id
    from {{ source('landing', 'malformed_lines') }}
    {%- if is_incremental() %}
    where
        {%- for entity in entities() %}
        {{ 'or ' if not loop.first }}(entity = '{{ entity }}' and _batch_id > {{ sql_text(increment().since['stg_' ~ entity]) }})
        {%- endfor %}
    {%- endif %}
)

select * from staged
union all
select * from malformed
