{{ config(incremental_strategy='append') }}
{%- set columns = {
    'products': ['price'],
    'loyalty_accounts': ['customer_id', 'points_earned', 'join_date'],
    'online_transactions': ['customer_id', 'product_id'],
    'in_store_transactions': ['customer_id', 'store_id'],
    'customer_service_interactions': ['customer_id', 'agent_id'],
} -%}
-- What stands in silver as empty because it could not be read; a row that is rejected tells of itself.
{%- for entity, names in columns.items() %}
{%- set last_entity = loop.last %}
{%- for name in names %}
select
    '{{ entity }}' as entity,
    '{{ name }}' as column_name,
    unreadable_{{ name }} as value,
    cast(count(*) as {{ engine_type('bigint') }}) as row_count,
    _batch_id
from {{ staged_since(entity) }} as staged -- noqa: AL05
where
    unreadable_{{ name }} is not null
    and reject_reason is null -- noqa: LT02
    {%- if is_incremental() %}
    and _batch_id > {{ sql_text(increment().since['stg_' ~ entity]) }}
    {%- endif %}
group by unreadable_{{ name }}, _batch_id
{{ 'union all' if not (last_entity and loop.last) }}
{%- endfor %}
{%- endfor %}
