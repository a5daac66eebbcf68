with customers as (
    select * from {{ ref('dim_customers') }}
    where customer_id <> {{ unknown_key('customers') }}
),

segments as (
    select * from {{ ref('customer_segments') }}
),

totals as (
    select * from {{ ref('customer_totals') }}
),

rfm as (
    select * from {{ ref('customer_rfm') }}
),

loyalty as (
    select
        customer_id,
        count(*) as loyalty_accounts,
        sum(coalesce(points_earned, 0)) as points_balance
    from {{ ref('dim_loyalty_accounts') }}
    where customer_id <> {{ unknown_key('customers') }}
    group by customer_id
)

select
    customers.customer_id,
    customers.customer_name,
    customers.email,
    customers.address,
    cast(coalesce(totals.online_orders, 0) as {{ engine_type('bigint') }}) as online_orders,
    cast(coalesce(totals.online_spend, 0) as decimal(18, 2)) as online_spend,
    {{ average_amount('totals.online_spend', 'totals.online_orders') }} as online_average_order_value,
    cast(coalesce(totals.in_store_orders, 0) as {{ engine_type('bigint') }}) as in_store_orders,
    cast(coalesce(totals.in_store_spend, 0) as decimal(18, 2)) as in_store_spend,
    {{
        average_amount('totals.in_store_spend', 'totals.in_store_orders')
    }} as in_store_average_order_value,
    cast(coalesce(totals.total_orders, 0) as {{ engine_type('bigint') }}) as total_orders,
    cast(coalesce(totals.total_spend, 0) as decimal(18, 2)) as total_spend,
    {{ average_amount('totals.total_spend', 'totals.total_orders') }} as average_order_value,
    cast(coalesce(totals.refunds, 0) as {{ engine_type('bigint') }}) as refunds,
    cast(coalesce(totals.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
    totals.first_purchase_at,
    totals.last_purchase_at,
    totals.preferred_channel,
    totals.preferred_category,
    totals.preferred_store,
    totals.preferred_payment_method,
    segments.tier_level,
    cast(coalesce(loyalty.loyalty_accounts, 0) as {{ engine_type('bigint') }}) as loyalty_accounts,
    cast(loyalty.points_balance as {{ engine_type('bigint') }}) as points_balance,
    cast(coalesce(totals.interactions, 0) as {{ engine_type('bigint') }}) as interactions,
    cast(
        coalesce(totals.interactions - totals.resolved_interactions, 0) as {{ engine_type('bigint') }}
    ) as unresolved_interactions,
    {{ resolution_rate('totals.resolved_interactions', 'totals.interactions') }} as resolution_rate,
    totals.last_contact_at,
    segments.segment,
    rfm.recency_days,
    rfm.recency_score,
    rfm.frequency_score,
    rfm.monetary_score,
    totals.last_touch_at,
    totals.last_touchpoint
from customers
inner join segments on customers.customer_id = segments.customer_id
left join totals on customers.customer_id = totals.customer_id
left join loyalty on customers.customer_id = loyalty.customer_id
left join rfm on customers.customer_id = rfm.customer_id
