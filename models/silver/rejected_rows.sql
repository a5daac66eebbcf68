with staged as (
    {%- for entity in entities() %}
    select
        '{{ entity }}' as entity,
        reject_reason as reason,
        raw_row,
        _source_file,
        _batch_id
    from {{ ref('stg_' ~ entity) }}
    where reject_reason is not null
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
)

select * from staged
union all
select * from malformed
