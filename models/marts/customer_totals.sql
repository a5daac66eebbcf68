{{
    config(
        incremental_strategy='by_customer',
        post_hook='{{ note_increment() }}'
    )
}}
-- depends_on: {{ ref('fct_online_transactions') }}, {{ ref('fct_in_store_transactions') }}
-- depends_on: {{ ref('fct_service_interactions') }}, {{ ref('fct_loyalty_transactions') }}
-- depends_on: {{ ref('dim_loyalty_accounts') }}, {{ ref('dim_products') }}, {{ ref('dim_stores') }}
-- What is counted over all events of a customer, once: customer_360 and customer_segments are made from it.
-- Incrementally it is of the customers whose events, or what these point to, changed.
with
{%- if is_incremental() %}
touched as (
    {{ touched_customers(increment().since) }}
),
{%- endif %}

purchases as {{ computed_once() if is_incremental() }}(
    select
        customer_id,
        channel,
        reference_id,
        has_one_line,
        purchased_at,
        time_is_plausible,
        amount,
        payment_method,
        category,
        location
    from {{ ref('purchases') }}
    where customer_id <> {{ unknown_key('customers') }}
    {%- if is_incremental() %}
        and customer_id in (select touched.customer_id from touched)
    {%- endif %}
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
    {{ purchase_totals('purchases', ['customer_id', 'category'], channel='online') }}
),

preferred_categories as (
    {{ most_frequent('category_totals', 'customer_id', 'category') }}
),

store_totals as (
    {{ purchase_totals('purchases', ['customer_id', 'location'], channel='in_store') }}
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

contacts as (
    select
        customer_id,
        count(*) as interactions,
        sum(case when is_resolved = 1 then 1 else 0 end) as resolved_interactions,
        max(interacted_at) as last_contact_at
    from {{ ref('fct_service_interactions') }}
    where customer_id <> {{ unknown_key('customers') }}
    {%- if is_incremental() %}
        and customer_id in (select touched.customer_id from touched)
    {%- endif %}
    group by customer_id
),

-- As customer_timeline has events: an order or a visit is one, with its first line.
touches as (
    {%- for touchpoint, fact, moment in [
        ('online order', 'fct_online_transactions', 'ordered_at'),
        ('store purchase', 'fct_in_store_transactions', 'purchased_at'),
    ] %}
    select
        customer_id,
        '{{ touchpoint }}' as touchpoint,
        max({{ moment }}) as occurred_at
    from {{ ref(fact) }}
    where
        line_number = 1
        and customer_id <> {{ unknown_key('customers') }}
    {%- if is_incremental() %}
        and customer_id in (select touched.customer_id from touched)
    {%- endif %}
    group by customer_id
    union all
    {%- endfor %}
    select
        customer_id,
        'service contact' as touchpoint,
        last_contact_at as occurred_at
    from contacts
    union all
    select
        accounts.customer_id,
        'loyalty change' as touchpoint,
        max(changes.transacted_at) as occurred_at
    from {{ ref('fct_loyalty_transactions') }} as changes
    inner join {{ ref('dim_loyalty_accounts') }} as accounts on changes.loyalty_id = accounts.loyalty_id
    where
        accounts.customer_id <> {{ unknown_key('customers') }}
    {%- if is_incremental() %}
        and accounts.customer_id in (select touched.customer_id from touched)
    {%- endif %}
    group by accounts.customer_id
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
),

known as (
    select customer_id from last_touches
    union
    -- Of a further line of somebody else's order there is no event.
    select customer_id from purchase_totals
)

select
    known.customer_id,
    cast(coalesce(purchase_totals.online_orders, 0) as {{ engine_type('bigint') }}) as online_orders,
    cast(coalesce(purchase_totals.online_spend, 0) as decimal(18, 2)) as online_spend,
    cast(coalesce(purchase_totals.in_store_orders, 0) as {{ engine_type('bigint') }}) as in_store_orders,
    cast(coalesce(purchase_totals.in_store_spend, 0) as decimal(18, 2)) as in_store_spend,
    cast(coalesce(purchase_totals.total_orders, 0) as {{ engine_type('bigint') }}) as total_orders,
    cast(coalesce(purchase_totals.total_spend, 0) as decimal(18, 2)) as total_spend,
    cast(coalesce(purchase_totals.refunds, 0) as {{ engine_type('bigint') }}) as refunds,
    cast(coalesce(purchase_totals.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
    purchase_totals.first_purchase_at,
    purchase_totals.last_purchase_at,
    preferred_channels.channel as preferred_channel,
    preferred_categories.category as preferred_category,
    preferred_stores.location as preferred_store,
    preferred_payment_methods.payment_method as preferred_payment_method,
    cast(coalesce(contacts.interactions, 0) as {{ engine_type('bigint') }}) as interactions,
    cast(coalesce(contacts.resolved_interactions, 0) as {{ engine_type('bigint') }}) as resolved_interactions,
    contacts.last_contact_at,
    last_touches.occurred_at as last_touch_at,
    cast({{ collated('last_touches.touchpoint') }} as {{ engine_type('varchar(20)') }}) as last_touchpoint
from known
left join last_touches on known.customer_id = last_touches.customer_id
left join purchase_totals on known.customer_id = purchase_totals.customer_id
left join preferred_channels on known.customer_id = preferred_channels.customer_id
left join preferred_categories on known.customer_id = preferred_categories.customer_id
left join preferred_stores on known.customer_id = preferred_stores.customer_id
left join preferred_payment_methods on known.customer_id = preferred_payment_methods.customer_id
left join contacts on known.customer_id = contacts.customer_id
