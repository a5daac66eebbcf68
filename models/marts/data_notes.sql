{%- set facts = {
    'online_transactions': 'fct_online_transactions',
    'in_store_transactions': 'fct_in_store_transactions',
    'customer_service_interactions': 'fct_service_interactions',
    'loyalty_transactions': 'fct_loyalty_transactions',
} -%}
{#- What of a fact points to an unknown member. -#}
{%- set unknown = [
    ('customers', 'online_transactions', 'customer_id'),
    ('customers', 'in_store_transactions', 'customer_id'),
    ('customers', 'customer_service_interactions', 'customer_id'),
    ('products', 'online_transactions', 'product_id'),
    ('stores', 'in_store_transactions', 'store_id'),
    ('agents', 'customer_service_interactions', 'agent_id'),
    ('accounts', 'loyalty_transactions', 'loyalty_id'),
] -%}
{%- set unlisted = [
    ('status', 'fct_online_transactions', 'online_transactions', 'status', 'order_statuses'),
    ('payment method', 'fct_online_transactions', 'online_transactions', 'payment_method', 'payment_methods'),
    ('payment method', 'fct_in_store_transactions', 'in_store_transactions', 'payment_method', 'payment_methods'),
    ('resolution status', 'fct_service_interactions', 'customer_service_interactions', 'resolution_status', 'resolution_statuses'),
    ('tier', 'dim_loyalty_accounts', 'loyalty_accounts', 'tier_level', 'loyalty_tiers'),
] -%}
{%- set revenue = {
    'online_transactions': 'sum(case when counts_as_revenue = 1 then amount else 0 end)',
    'in_store_transactions': 'sum(amount)',
} -%}
{%- set no_amount = 'cast(null as decimal(18, 2))' -%}
{%- set members = {'accounts': 'loyalty_accounts, loyalty_transactions'} -%}
with notes as (
    {%- for what, entity, column in unknown %}
    select
        'unknown {{ what }}' as note,
        '{{ entity }}' as entity,
        count(*) as note_rows,
        {{ revenue.get(entity, no_amount) }} as amount,
        'counted, but of no known {{ what[:-1] }}' as detail
    from {{ ref(facts[entity]) }}
    where {{ column }} = {{ unknown_key(members.get(what, what)) }}
    union all
    {%- endfor %}
    select
        'unknown customers' as note,
        'loyalty_accounts' as entity,
        count(*) as note_rows,
        {{ no_amount }} as amount,
        'held by no known customer' as detail
    from {{ ref('dim_loyalty_accounts') }}
    where
        customer_id = {{ unknown_key('customers') }}
        and loyalty_id <> {{ unknown_key('loyalty_accounts, loyalty_transactions') }}
    {%- for what, relation, entity, column, seed in unlisted %}
    union all
    select
        'unlisted {{ what }}' as note,
        '{{ entity }}' as entity,
        count(*) as note_rows,
        {{ revenue.get(entity, no_amount) }} as amount,
        {{ some_values(column) }} as detail
    from {{ ref(relation) }}
    where
        {{ column }} <> 'Unknown'
        and {{ column }} not in (select listed.{{ column }} from {{ ref(seed) }} as listed)
    {%- endfor %}
    union all
    select
        'rejected rows' as note,
        entity,
        count(*) as note_rows,
        {{ no_amount }} as amount,
        min(reason) as detail
    from {{ ref('rejected_rows') }}
    group by entity, reason
    union all
    select
        'superseded rows' as note,
        entity,
        sum(row_count) as note_rows,
        {{ no_amount }} as amount,
        min(reason) as detail
    from {{ ref('superseded_rows') }}
    group by entity, reason
    union all
    select
        'unreadable values' as note,
        entity,
        sum(row_count) as note_rows,
        {{ no_amount }} as amount,
        min(column_name) as detail
    from {{ ref('unreadable_values') }}
    group by entity, column_name
    {%- for entity, fact in facts.items() %}
    union all
    select
        'implausible times' as note,
        '{{ entity }}' as entity,
        count(*) as note_rows,
        {{ revenue.get(entity, no_amount) }} as amount,
        'counted, but not by time' as detail
    from {{ ref(fact) }}
    where time_is_plausible = 0
    {%- endfor %}
    union all
    select
        'absent entity' as note,
        entity,
        bronze_rows as note_rows,
        {{ no_amount }} as amount,
        'no row has arrived' as detail
    from {{ ref('row_reconciliation') }}
    where bronze_rows = 0
    union all
    select
        note,
        entity,
        note_rows,
        {{ no_amount }} as amount,
        detail
    from {{ source('runs', 'delivery_notes') }}
)

select
    cast({{ collated('note') }} as {{ engine_type('varchar(40)') }}) as note,
    cast(entity as {{ engine_type('varchar(50)') }}) as entity,
    cast(note_rows as {{ engine_type('bigint') }}) as {{ quoted('rows') }},
    cast(amount as decimal(18, 2)) as amount,
    cast({{ collated('detail') }} as {{ engine_type('varchar(255)') }}) as detail
from notes
where note_rows > 0 or note in ('absent entity', 'late delivery')
