{#-
    What follows `with`: the common table expressions and the select of what is counted over all events of each customer, or of
    each person, one row per `key` with an event. `events` are the relations that have them: `purchases` (marts.purchases),
    `orders`, `visits`, `contacts` and `point_changes` (the facts), and `accounts`, whose points changed. With `among`, a relation
    of customers with `customer_id` and the key, it is of the events of these customers only.
    Example: totals_over_events('person_id', {'purchases': ref('purchases'), …}, among='members')
-#}
{% macro totals_over_events(key, events, among=none) -%}
{%- set of_customers -%}
    {%- if among %}
    inner join {{ among }} as among on events.customer_id = among.customer_id
    {%- endif %}
    where events.customer_id <> {{ unknown_key('customers') }}
{%- endset -%}
{%- set key_of_event = ('among.' if among else 'events.') ~ key -%}
purchases as {{ computed_once() if among }}(
    select
        {{ key_of_event }},
        events.channel,
        events.reference_id,
        events.has_one_line,
        events.purchased_at,
        events.time_is_plausible,
        events.amount,
        events.payment_method,
        events.category,
        events.location
    from {{ events.purchases }} as events
    {{- of_customers }}
),

channel_totals as (
    {{
        purchase_totals('purchases', [key, 'channel'], {
            'refunds': ('sum', 'case when amount < 0 then 1 else 0 end'),
            'refunded_amount': ('sum', 'case when amount < 0 then -amount else 0 end'),
            'first_purchase_at': ('min', 'case when amount >= 0 and time_is_plausible = 1 then purchased_at end'),
            'last_purchase_at': ('max', 'case when amount >= 0 and time_is_plausible = 1 then purchased_at end'),
        })
    }}
),

purchase_totals as (
    select
        {{ key }},
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
    group by {{ key }}
),

preferred_channels as (
    {{ most_frequent('channel_totals', key, 'channel') }}
),

category_totals as (
    {{ purchase_totals('purchases', [key, 'category'], channel='online') }}
),

preferred_categories as (
    {{ most_frequent('category_totals', key, 'category') }}
),

store_totals as (
    {{ purchase_totals('purchases', [key, 'location'], channel='in_store') }}
),

preferred_stores as (
    {{ most_frequent('store_totals', key, 'location') }}
),

payment_totals as (
    {{ purchase_totals('purchases', [key, 'payment_method']) }}
),

preferred_payment_methods as (
    {{ most_frequent('payment_totals', key, 'payment_method') }}
),

contacts as (
    select
        {{ key_of_event }},
        count(*) as interactions,
        sum(case when events.is_resolved = 1 then 1 else 0 end) as resolved_interactions,
        max(events.interacted_at) as last_contact_at
    from {{ events.contacts }} as events
    {{- of_customers }}
    group by {{ key_of_event }}
),

-- As customer_timeline has events: an order or a visit is one, with its first line.
touches as (
    {%- for touchpoint, fact, moment in [
        ('online order', events.orders, 'ordered_at'),
        ('store purchase', events.visits, 'purchased_at'),
    ] %}
    select
        {{ key_of_event }},
        '{{ touchpoint }}' as touchpoint,
        max(events.{{ moment }}) as occurred_at
    from {{ fact }} as events
    {{- of_customers }}
        and events.line_number = 1
    group by {{ key_of_event }}
    union all
    {%- endfor %}
    select
        {{ key }},
        'service contact' as touchpoint,
        last_contact_at as occurred_at
    from contacts
    union all
    select
        {{ key_of_event }},
        'loyalty change' as touchpoint,
        max(changes.transacted_at) as occurred_at
    from {{ events.point_changes }} as changes
    inner join {{ events.accounts }} as events on changes.loyalty_id = events.loyalty_id
    {{- of_customers }}
    group by {{ key_of_event }}
),

ranked_touches as (
    select
        {{ key }},
        touchpoint,
        occurred_at,
        row_number() over (partition by {{ key }} order by occurred_at desc, touchpoint asc) as place
    from touches
),

last_touches as (
    select * from ranked_touches
    where place = 1
),

known as (
    select {{ key }} from last_touches
    union
    -- Of a further line of somebody else's order there is no event.
    select {{ key }} from purchase_totals
)

select
    known.{{ key }},
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
left join last_touches on known.{{ key }} = last_touches.{{ key }}
left join purchase_totals on known.{{ key }} = purchase_totals.{{ key }}
left join preferred_channels on known.{{ key }} = preferred_channels.{{ key }}
left join preferred_categories on known.{{ key }} = preferred_categories.{{ key }}
left join preferred_stores on known.{{ key }} = preferred_stores.{{ key }}
left join preferred_payment_methods on known.{{ key }} = preferred_payment_methods.{{ key }}
left join contacts on known.{{ key }} = contacts.{{ key }}
{%- endmacro %}
