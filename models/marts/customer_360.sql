with customers as (
    select * from {{ ref('dim_customers') }}
    where customer_id <> {{ unknown_key('customers') }}
),

segments as (
    select * from {{ ref('customer_segments') }}
),

purchases as (
    select * from {{ ref('purchases') }}
    where customer_id <> {{ unknown_key('customers') }}
),

channel_totals as (
    {{
        purchase_totals('purchases', ['customer_id', 'channel'], {
            'refunds': ('sum', 'case when amount < 0 then 1 else 0 end'),
            'refunded_amount': ('sum', 'case when amount < 0 then -amount else 0 end'),
            'first_purchase_at': ('min', 'case when amount >= 0 and time_is_plausible = 1 then purchased_at end'),
            'last_purchase_at': ('max', 'case when amount >= 0 and time_is_plausible = 1 then purchased_at end'),
        })
    }}
),

purchase_totals as (
    select
        customer_id,
        sum(case when channel = 'online' then total_orders else 0 end) as online_orders,
        sum(case when channel = 'online' then total_amount else 0 end) as online_spend,
        sum(case when channel = 'in_store' then total_orders else 0 end) as in_store_orders,
        sum(case when channel = 'in_store' then total_amount else 0 end) as in_store_spend,
        sum(total_orders) as total_orders,
        sum(total_amount) as total_spend,
        sum(refunds) as refunds,
        sum(refunded_amount) as refunded_amount,
        min(first_purchase_at) as first_purchase_at,
        max(last_purchase_at) as last_purchase_at
    from channel_totals
    group by customer_id
),

preferred_channels as (
    {{ most_frequent('channel_totals', 'customer_id', 'channel') }}
),

category_totals as (
    {{ purchase_totals('purchases', ['customer_id', 'category']) }}
),

preferred_categories as (
    {{ most_frequent('category_totals', 'customer_id', 'category') }}
),

store_totals as (
    {{ purchase_totals('purchases', ['customer_id', 'location']) }}
),

preferred_stores as (
    {{ most_frequent('store_totals', 'customer_id', 'location') }}
),

payment_totals as (
    {{ purchase_totals('purchases', ['customer_id', 'payment_method']) }}
),

preferred_payment_methods as (
    {{ most_frequent('payment_totals', 'customer_id', 'payment_method') }}
),

newest_event as (
    select max(newest) as newest_at
    from (
        select max(ordered_at) as newest from {{ ref('fct_online_transactions') }}
        where time_is_plausible = 1
        union all
        select max(purchased_at) as newest from {{ ref('fct_in_store_transactions') }}
        where time_is_plausible = 1
        union all
        select max(interacted_at) as newest from {{ ref('fct_service_interactions') }}
        where time_is_plausible = 1
        union all
        select max(transacted_at) as newest from {{ ref('fct_loyalty_transactions') }}
        where time_is_plausible = 1
    ) as newest_of_each
),

recencies as (
    select
        purchase_totals.customer_id,
        {{
            days_between(
                'cast(purchase_totals.last_purchase_at as date)',
                recency_date('newest_event.newest_at')
            )
        }} as recency_days
    from purchase_totals
    cross join newest_event
    where purchase_totals.last_purchase_at is not null
),

recency_scores as (
    select
        customer_id,
        ntile(5) over (order by recency_days desc, customer_id asc) as recency_score
    from recencies
),

scores as (
    select
        customer_id,
        ntile(5) over (order by total_orders, customer_id) as frequency_score,
        ntile(5) over (order by total_spend, customer_id) as monetary_score
    from purchase_totals
    where total_orders > 0
),

loyalty as (
    select
        customer_id,
        count(*) as loyalty_accounts,
        sum(coalesce(points_earned, 0)) as points_balance
    from {{ ref('dim_loyalty_accounts') }}
    where customer_id <> {{ unknown_key('customers') }}
    group by customer_id
),

contacts as (
    select
        customer_id,
        count(*) as interactions,
        sum(case when is_resolved = 1 then 1 else 0 end) as resolved_interactions,
        max(interacted_at) as last_contact_at
    from {{ ref('fct_service_interactions') }}
    where customer_id <> {{ unknown_key('customers') }}
    group by customer_id
),

touches as (
    select
        customer_id,
        touchpoint,
        max(occurred_at) as occurred_at
    from {{ ref('customer_timeline') }}
    group by customer_id, touchpoint
),

ranked_touches as (
    select
        customer_id,
        touchpoint,
        occurred_at,
        row_number() over (partition by customer_id order by occurred_at desc, touchpoint asc) as place
    from touches
),

last_touches as (
    select * from ranked_touches
    where place = 1
)

select
    customers.customer_id,
    customers.customer_name,
    customers.email,
    customers.address,
    cast(coalesce(purchase_totals.online_orders, 0) as {{ engine_type('bigint') }}) as online_orders,
    cast(coalesce(purchase_totals.online_spend, 0) as decimal(18, 2)) as online_spend,
    {{ average_amount('purchase_totals.online_spend', 'purchase_totals.online_orders') }} as online_average_order_value,
    cast(coalesce(purchase_totals.in_store_orders, 0) as {{ engine_type('bigint') }}) as in_store_orders,
    cast(coalesce(purchase_totals.in_store_spend, 0) as decimal(18, 2)) as in_store_spend,
    {{
        average_amount('purchase_totals.in_store_spend', 'purchase_totals.in_store_orders')
    }} as in_store_average_order_value,
    cast(coalesce(purchase_totals.total_orders, 0) as {{ engine_type('bigint') }}) as total_orders,
    cast(coalesce(purchase_totals.total_spend, 0) as decimal(18, 2)) as total_spend,
    {{ average_amount('purchase_totals.total_spend', 'purchase_totals.total_orders') }} as average_order_value,
    cast(coalesce(purchase_totals.refunds, 0) as {{ engine_type('bigint') }}) as refunds,
    cast(coalesce(purchase_totals.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
    purchase_totals.first_purchase_at,
    purchase_totals.last_purchase_at,
    preferred_channels.channel as preferred_channel,
    preferred_categories.category as preferred_category,
    preferred_stores.location as preferred_store,
    preferred_payment_methods.payment_method as preferred_payment_method,
    segments.tier_level,
    cast(coalesce(loyalty.loyalty_accounts, 0) as {{ engine_type('bigint') }}) as loyalty_accounts,
    cast(loyalty.points_balance as {{ engine_type('bigint') }}) as points_balance,
    cast(coalesce(contacts.interactions, 0) as {{ engine_type('bigint') }}) as interactions,
    cast(
        coalesce(contacts.interactions - contacts.resolved_interactions, 0) as {{ engine_type('bigint') }}
    ) as unresolved_interactions,
    {{ resolution_rate('contacts.resolved_interactions', 'contacts.interactions') }} as resolution_rate,
    contacts.last_contact_at,
    segments.segment,
    cast(recencies.recency_days as {{ engine_type('bigint') }}) as recency_days,
    cast(recency_scores.recency_score as {{ engine_type('integer') }}) as recency_score,
    cast(scores.frequency_score as {{ engine_type('integer') }}) as frequency_score,
    cast(scores.monetary_score as {{ engine_type('integer') }}) as monetary_score,
    last_touches.occurred_at as last_touch_at,
    last_touches.touchpoint as last_touchpoint
from customers
inner join segments on customers.customer_id = segments.customer_id
left join purchase_totals on customers.customer_id = purchase_totals.customer_id
left join preferred_channels on customers.customer_id = preferred_channels.customer_id
left join preferred_categories on customers.customer_id = preferred_categories.customer_id
left join preferred_stores on customers.customer_id = preferred_stores.customer_id
left join preferred_payment_methods on customers.customer_id = preferred_payment_methods.customer_id
left join loyalty on customers.customer_id = loyalty.customer_id
left join contacts on customers.customer_id = contacts.customer_id
left join recencies on customers.customer_id = recencies.customer_id
left join recency_scores on customers.customer_id = recency_scores.customer_id
left join scores on customers.customer_id = scores.customer_id
left join last_touches on customers.customer_id = last_touches.customer_id
