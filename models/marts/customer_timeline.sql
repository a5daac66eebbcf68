{%- set every_key = [
    'online_transactions',
    'in_store_transactions',
    'customer_service_interactions',
    'loyalty_accounts',
    'loyalty_transactions',
] | join(', ') -%}
with further_order_lines as (
    {{ further_lines(ref('fct_online_transactions'), 'order_id') }}
),

further_purchase_lines as (
    {{ further_lines(ref('fct_in_store_transactions'), 'transaction_id') }}
),

orders as (
    select
        orders.customer_id,
        orders.ordered_at as occurred_at,
        {{ collated("'online order'") }} as touchpoint,
        orders.status as event,
        {{ cast_key('orders.order_id', every_key) }} as reference_id,
        cast(orders.amount + coalesce(further_order_lines.amount, 0) as decimal(18, 2)) as amount,
        {{ and_more('products.product_name', 'further_order_lines.number_of_lines') }} as detail
    from {{ ref('fct_online_transactions') }} as orders
    inner join {{ ref('dim_products') }} as products on orders.product_id = products.product_id
    left join further_order_lines on orders.order_id = further_order_lines.order_id
    where orders.line_number = 1
),

visits as (
    select
        visits.customer_id,
        visits.purchased_at as occurred_at,
        {{ collated("'store purchase'") }} as touchpoint,
        {{ collated("'Purchase'") }} as event,
        {{ cast_key('visits.transaction_id', every_key) }} as reference_id,
        cast(visits.amount + coalesce(further_purchase_lines.amount, 0) as decimal(18, 2)) as amount,
        {{ and_more('stores.location', 'further_purchase_lines.number_of_lines') }} as detail
    from {{ ref('fct_in_store_transactions') }} as visits
    inner join {{ ref('dim_stores') }} as stores on visits.store_id = stores.store_id
    left join further_purchase_lines on visits.transaction_id = further_purchase_lines.transaction_id
    where visits.line_number = 1
),

contacts as (
    select
        customer_id,
        interacted_at as occurred_at,
        {{ collated("'service contact'") }} as touchpoint,
        resolution_status as event,
        {{ cast_key('interaction_id', every_key) }} as reference_id,
        cast(null as decimal(18, 2)) as amount,
        issue_type as detail
    from {{ ref('fct_service_interactions') }}
),

point_changes as (
    select
        accounts.customer_id,
        changes.transacted_at as occurred_at,
        {{ collated("'loyalty change'") }} as touchpoint,
        changes.reason as event,
        {{ cast_key('accounts.loyalty_id', every_key) }} as reference_id,
        cast(null as decimal(18, 2)) as amount,
        concat(
            case when changes.points_change > 0 then '+' else '' end,
            cast(changes.points_change as {{ engine_type('varchar(20)') }})
        ) as detail
    from {{ ref('fct_loyalty_transactions') }} as changes
    inner join {{ ref('dim_loyalty_accounts') }} as accounts on changes.loyalty_id = accounts.loyalty_id
),

events as (
    select * from orders
    union all
    select * from visits
    union all
    select * from contacts
    union all
    select * from point_changes
)

select
    customer_id,
    occurred_at,
    cast(touchpoint as {{ engine_type('varchar(20)') }}) as touchpoint,
    cast(event as {{ engine_type('varchar(100)') }}) as event,
    reference_id,
    amount,
    cast(detail as {{ engine_type('varchar(150)') }}) as detail
from events
where customer_id <> {{ unknown_key('customers') }}
