{{ config(incremental_strategy='append') }}
{%- set since = {} -%}
{%- for entity in entities() if is_incremental() -%}
    {%- do since.update({entity: increment().since['stg_' ~ entity]}) -%}
{%- endfor -%}
with staged as (
    {%- for entity in entities() %}
    select
        '{{ entity }}' as entity,
        reject_reason as reason,
        raw_row,
        _source_file,
        _batch_id
    from {{ staged_since(entity) }} as staged_rows -- noqa: AL05
    where
        reject_reason is not null -- noqa: LT02
        {%- if is_incremental() %}
        and _batch_id > {{ sql_text(since[entity]) }}
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
    from {{ arrived_malformed_lines(source('landing', 'malformed_lines'), since) }}
    {%- for entity in entities() if staged_up_to(entity) is not none %}
    {{ 'where' if loop.first else 'and' }} (entity <> '{{ entity }}' or _batch_id <= {{ sql_text(staged_up_to(entity)) }})
    {%- endfor %}
)

select * from staged
union all
select * from malformed
