-- The marts: views over gold. An order is a row here, so orders are counted without being told apart: those that are no
-- refund.

-- A quotient of whole numbers, rounded half away from zero; null when the divisor is 0.
create macro marts.rounded(dividend, divisor) as
    sign(dividend) * ((2 * abs(dividend) + nullif(divisor, 0)) // (2 * nullif(divisor, 0)));

create macro marts.average(amount, purchases) as
    cast(marts.rounded(cast(amount * 100 as bigint), purchases) * 0.01 as decimal(18, 2));

create macro marts.percentage(part, whole) as
    cast(marts.rounded(cast(part * 10000 as bigint), whole) * 0.01 as decimal(5, 2));

create view marts.purchases as
select
    'online' as channel, orders.order_id as reference_id, orders.line_number, true as has_one_line,
    orders.customer_id, orders.ordered_at as purchased_at, orders.time_is_plausible,
    orders.amount, orders.payment_method, orders.product_id, products.category,
    cast(null as bigint) as store_id, cast(null as varchar) as location
from gold.fct_online_transactions as orders
join gold.dim_products as products using (product_id)
where orders.counts_as_revenue
union all
select
    'in_store', visits.transaction_id, visits.line_number, true,
    visits.customer_id, visits.purchased_at, visits.time_is_plausible,
    visits.amount, visits.payment_method, null, null,
    visits.store_id, stores.location
from gold.fct_in_store_transactions as visits
join gold.dim_stores as stores using (store_id);

create view marts.aov_by_product as
with totals as (
    select
        product_id, count(*) filter (amount >= 0) as total_orders, cast(sum(amount) as decimal(18, 2)) as total_amount
    from gold.fct_online_transactions where counts_as_revenue
    group by product_id
)

select
    product_id, product_name, category, total_orders, total_amount,
    marts.average(total_amount, total_orders) as average_order_value
from totals
join gold.dim_products using (product_id);

create view marts.aov_by_category as
select
    category, sum(total_orders)::bigint as total_orders, sum(total_amount)::decimal(18, 2) as total_amount,
    marts.average(sum(total_amount), sum(total_orders)::bigint) as average_order_value
from marts.aov_by_product
group by category;

create view marts.aov_by_location as
with totals as (
    select store_id, count(*) filter (amount >= 0) as total_orders, sum(amount) as total_amount
    from gold.fct_in_store_transactions
    group by store_id
)

select
    location, sum(total_orders)::bigint as total_orders, sum(total_amount)::decimal(18, 2) as total_amount,
    marts.average(sum(total_amount), sum(total_orders)::bigint) as average_order_value
from totals
join gold.dim_stores using (store_id)
group by location;

create view marts.average_order_value as
with totals as (
    select 'product' as dimension, product_name as member, 'online' as channel, total_orders, total_amount
    from marts.aov_by_product
    union all
    select 'category', category, 'online', total_orders, total_amount from marts.aov_by_category
    union all
    select 'location', location, 'in_store', total_orders, total_amount from marts.aov_by_location
),

channels as (
    select channel, sum(total_orders) as total_orders, sum(total_amount) as total_amount
    from totals where dimension in ('product', 'location')
    group by channel
),

everything as (
    select * from totals
    union all
    select 'channel', channel, channel, total_orders, total_amount from channels
    union all
    select 'all', 'all', 'all', sum(total_orders), sum(total_amount) from channels having count(*) > 0
)

select
    dimension, member, channel, total_orders::bigint as total_orders, total_amount::decimal(18, 2) as total_amount,
    marts.average(total_amount, total_orders::bigint) as average_order_value
from everything;

create view marts.customer_segments as
with spending as (
    select customer_id, sum(total_spend)::decimal(18, 2) as total_spend, sum(purchases)::bigint as purchase_frequency
    from (
        select customer_id, sum(amount) as total_spend, count(*) filter (amount >= 0) as purchases
        from gold.fct_online_transactions where counts_as_revenue and customer_id <> -1
        group by customer_id
        union all
        select customer_id, sum(amount), count(*) filter (amount >= 0)
        from gold.fct_in_store_transactions where customer_id <> -1
        group by customer_id
    )
    group by customer_id
),

buyers as (
    select
        customer_id,
        percent_rank() over (order by total_spend desc) as spend_percent_rank,
        count(*) over (partition by total_spend) as with_that_spend,
        count(*) over (order by total_spend desc) as with_as_much,
        count(*) over () as in_all
    from spending where purchase_frequency > 0
),

tiers as (
    select
        accounts.customer_id,
        first(accounts.tier_level order by coalesce(ranks.tier_rank, 0) desc, accounts.tier_level) as tier_level
    from gold.dim_loyalty_accounts as accounts
    left join reference.loyalty_tiers as ranks using (tier_level)
    where accounts.tier_level is not null
    group by accounts.customer_id
)

select
    customers.customer_id,
    coalesce(spending.total_spend, 0)::decimal(18, 2) as total_spend,
    coalesce(spending.purchase_frequency, 0) as purchase_frequency,
    tiers.tier_level,
    buyers.spend_percent_rank,
    case
        when buyers.customer_id is null then 'No Purchases'
        when
            buyers.spend_percent_rank <= 0.10
            and (buyers.with_that_spend = 1 or buyers.with_as_much <= 0.20 * buyers.in_all)
            then 'High-Value Customer'
        when spending.purchase_frequency = 1 then 'One-Time Buyer'
        when tiers.tier_level is not null then 'Loyalty Champion'
        else 'Regular Customer'
    end as segment
from gold.dim_customers as customers
left join spending using (customer_id)
left join buyers using (customer_id)
left join tiers using (customer_id)
where customers.customer_id <> -1;

create view marts.peak_transaction_times as
with totals as (
    select 'online' as channel, isodow(ordered_at) as day_of_week_number, hour(ordered_at) as hour_of_day,
        count(*) as total_transactions, sum(amount)::decimal(18, 2) as total_amount
    from gold.fct_online_transactions where time_is_plausible group by all
    union all
    select 'in_store', isodow(purchased_at), hour(purchased_at), count(*), sum(amount)::decimal(18, 2)
    from gold.fct_in_store_transactions where time_is_plausible group by all
)

select
    channel,
    ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday'][day_of_week_number] as day_of_week,
    day_of_week_number,
    hour_of_day,
    total_transactions,
    total_amount,
    cast(
        marts.rounded(
            total_transactions * 1000000, cast(sum(total_transactions) over (partition by channel) as bigint)
        ) * 0.000001 as decimal(9, 6)
    ) as transaction_share,
    rank() over (partition by channel order by total_transactions desc) as peak_rank
from totals;

create view marts.agent_performance as
with contacts as (
    select agent_id, count(*) as total_interactions, count(*) filter (is_resolved) as resolved_interactions
    from gold.fct_service_interactions
    group by agent_id
)

select
    agents.agent_id, agents.agent_name, agents.department, agents.shift,
    coalesce(contacts.total_interactions, 0) as total_interactions,
    coalesce(contacts.resolved_interactions, 0) as resolved_interactions,
    coalesce(marts.percentage(contacts.resolved_interactions, contacts.total_interactions), 0.00) as resolution_rate
from gold.dim_agents as agents
left join contacts using (agent_id)
where agents.agent_id <> -1 or contacts.total_interactions > 0;

create view marts.service_by_issue_type as
select
    issue_type, count(*) as total_interactions, count(*) filter (is_resolved) as resolved_interactions,
    marts.percentage(count(*) filter (is_resolved), count(*)) as resolution_rate
from gold.fct_service_interactions
group by issue_type;

create view marts.customer_timeline as
select
    orders.customer_id, orders.ordered_at as occurred_at, 'online order' as touchpoint, orders.status as event,
    orders.order_id as reference_id, orders.amount, products.product_name as detail
from gold.fct_online_transactions as orders
join gold.dim_products as products using (product_id)
where orders.customer_id <> -1
union all
select
    visits.customer_id, visits.purchased_at, 'store purchase', 'Purchase',
    visits.transaction_id, visits.amount, stores.location
from gold.fct_in_store_transactions as visits
join gold.dim_stores as stores using (store_id)
where visits.customer_id <> -1
union all
select customer_id, interacted_at, 'service contact', resolution_status, interaction_id, null, issue_type
from gold.fct_service_interactions
where customer_id <> -1
union all
select
    accounts.customer_id, changes.transacted_at, 'loyalty change', changes.reason, accounts.loyalty_id, null,
    concat(case when changes.points_change > 0 then '+' end, changes.points_change)
from gold.fct_loyalty_transactions as changes
join gold.dim_loyalty_accounts as accounts using (loyalty_id)
where accounts.customer_id <> -1;

create view marts.customer_360 as
with purchases as (
    select * from marts.purchases where customer_id <> -1
),

totals as (
    select
        customer_id,
        count(*) filter (channel = 'online' and amount >= 0) as online_orders,
        sum(amount) filter (channel = 'online') as online_spend,
        count(*) filter (channel = 'in_store' and amount >= 0) as in_store_orders,
        sum(amount) filter (channel = 'in_store') as in_store_spend,
        count(*) filter (amount >= 0) as total_orders,
        sum(amount) as total_spend,
        count(*) filter (amount < 0) as refunds,
        -sum(amount) filter (amount < 0) as refunded_amount,
        min(purchased_at) filter (amount >= 0 and time_is_plausible) as first_purchase_at,
        max(purchased_at) filter (amount >= 0 and time_is_plausible) as last_purchase_at
    from purchases
    group by customer_id
),

-- For each customer and attribute the value of most orders, then of the highest amount, then the first by name.
choices as (
    select customer_id, 'channel' as attribute, channel as choice, count(*) filter (amount >= 0) as orders, sum(amount) as total
    from purchases group by all
    union all
    select customer_id, 'category', category, count(*) filter (amount >= 0), sum(amount)
    from purchases where channel = 'online' group by all
    union all
    select customer_id, 'store', location, count(*) filter (amount >= 0), sum(amount)
    from purchases where channel = 'in_store' group by all
    union all
    select customer_id, 'payment_method', payment_method, count(*) filter (amount >= 0), sum(amount)
    from purchases group by all
),

preferred as (
    select
        customer_id,
        max(choice) filter (attribute = 'channel') as preferred_channel,
        max(choice) filter (attribute = 'category') as preferred_category,
        max(choice) filter (attribute = 'store') as preferred_store,
        max(choice) filter (attribute = 'payment_method') as preferred_payment_method
    from (
        from choices
        where orders > 0
        qualify row_number() over (partition by customer_id, attribute order by orders desc, total desc, choice) = 1
    )
    group by customer_id
),

today as (
    select greatest(
        (select max(ordered_at) from gold.fct_online_transactions where time_is_plausible),
        (select max(purchased_at) from gold.fct_in_store_transactions where time_is_plausible),
        (select max(interacted_at) from gold.fct_service_interactions where time_is_plausible),
        (select max(transacted_at) from gold.fct_loyalty_transactions where time_is_plausible)
    )::date as today
),

recencies as (
    select
        customer_id,
        datediff('day', last_purchase_at::date, today) as recency_days,
        ntile(5) over (order by recency_days desc, customer_id) as recency_score
    from totals cross join today
    where last_purchase_at is not null
),

scores as (
    select
        customer_id,
        ntile(5) over (order by total_orders, customer_id) as frequency_score,
        ntile(5) over (order by total_spend, customer_id) as monetary_score
    from totals
    where total_orders > 0
),

loyalty as (
    select customer_id, count(*) as loyalty_accounts, sum(coalesce(points_earned, 0))::bigint as points_balance
    from gold.dim_loyalty_accounts
    group by customer_id
),

contacts as (
    select
        customer_id, count(*) as interactions, count(*) filter (is_resolved) as resolved_interactions,
        max(interacted_at) as last_contact_at
    from gold.fct_service_interactions
    group by customer_id
),

touches as (
    select customer_id, touchpoint, max(occurred_at) as occurred_at
    from marts.customer_timeline
    group by customer_id, touchpoint
),

last_touches as (
    from touches
    qualify row_number() over (partition by customer_id order by occurred_at desc, touchpoint) = 1
)

select
    customers.customer_id,
    customers.customer_name,
    customers.email,
    customers.address,
    coalesce(totals.online_orders, 0) as online_orders,
    coalesce(totals.online_spend, 0)::decimal(18, 2) as online_spend,
    marts.average(totals.online_spend, totals.online_orders) as online_average_order_value,
    coalesce(totals.in_store_orders, 0) as in_store_orders,
    coalesce(totals.in_store_spend, 0)::decimal(18, 2) as in_store_spend,
    marts.average(totals.in_store_spend, totals.in_store_orders) as in_store_average_order_value,
    coalesce(totals.total_orders, 0) as total_orders,
    coalesce(totals.total_spend, 0)::decimal(18, 2) as total_spend,
    marts.average(totals.total_spend, totals.total_orders) as average_order_value,
    coalesce(totals.refunds, 0) as refunds,
    coalesce(totals.refunded_amount, 0)::decimal(18, 2) as refunded_amount,
    totals.first_purchase_at,
    totals.last_purchase_at,
    preferred.preferred_channel,
    preferred.preferred_category,
    preferred.preferred_store,
    preferred.preferred_payment_method,
    segments.tier_level,
    coalesce(loyalty.loyalty_accounts, 0) as loyalty_accounts,
    loyalty.points_balance,
    coalesce(contacts.interactions, 0) as interactions,
    coalesce(contacts.interactions - contacts.resolved_interactions, 0) as unresolved_interactions,
    marts.percentage(contacts.resolved_interactions, contacts.interactions) as resolution_rate,
    contacts.last_contact_at,
    segments.segment,
    recencies.recency_days,
    recencies.recency_score,
    scores.frequency_score,
    scores.monetary_score,
    last_touches.occurred_at as last_touch_at,
    last_touches.touchpoint as last_touchpoint
from gold.dim_customers as customers
join marts.customer_segments as segments using (customer_id)
left join totals using (customer_id)
left join preferred using (customer_id)
left join recencies using (customer_id)
left join scores using (customer_id)
left join loyalty using (customer_id)
left join contacts using (customer_id)
left join last_touches using (customer_id)
where customers.customer_id <> -1;

-- What to know about the answers: rows of nobody, values that are not in their lists, what was set aside.
create view marts.data_notes as
with orders as (
    select *, if(counts_as_revenue, amount, 0) as revenue from gold.fct_online_transactions
),

notes as (
    select 'unknown customers' as note, 'online_transactions' as entity, count(*) as rows, sum(revenue) as amount, null as detail
    from orders where customer_id = -1
    union all
    select 'unknown customers', 'in_store_transactions', count(*), sum(amount), null
    from gold.fct_in_store_transactions where customer_id = -1
    union all
    select 'unknown customers', 'customer_service_interactions', count(*), null, null
    from gold.fct_service_interactions where customer_id = -1
    union all
    select 'unknown customers', 'loyalty_accounts', count(*), null, null
    from gold.dim_loyalty_accounts where customer_id = -1 and loyalty_id <> -1
    union all
    select 'unknown products', 'online_transactions', count(*), sum(revenue), null
    from orders where product_id = -1
    union all
    select 'unknown stores', 'in_store_transactions', count(*), sum(amount), null
    from gold.fct_in_store_transactions where store_id = -1
    union all
    select 'unknown agents', 'customer_service_interactions', count(*), null, null
    from gold.fct_service_interactions where agent_id = -1
    union all
    select 'unknown accounts', 'loyalty_transactions', count(*), null, null
    from gold.fct_loyalty_transactions where loyalty_id = -1
    union all
    select 'unlisted status', 'online_transactions', count(*), sum(revenue), min(status)
    from orders where status not in (from reference.order_statuses select status union all select 'Unknown')
    union all
    select 'unlisted payment method', 'online_transactions', count(*), sum(revenue), min(payment_method)
    from orders where payment_method not in (from reference.payment_methods select payment_method union all select 'Unknown')
    union all
    select 'unlisted payment method', 'in_store_transactions', count(*), sum(amount), min(payment_method)
    from gold.fct_in_store_transactions where payment_method not in (from reference.payment_methods select payment_method union all select 'Unknown')
    union all
    select 'unlisted resolution status', 'customer_service_interactions', count(*), null, min(resolution_status)
    from gold.fct_service_interactions where resolution_status not in (from reference.resolution_statuses select resolution_status union all select 'Unknown')
    union all
    select 'unlisted tier', 'loyalty_accounts', count(*), null, min(tier_level)
    from gold.dim_loyalty_accounts where tier_level not in (from reference.loyalty_tiers select tier_level union all select 'Unknown')
    union all
    select 'implausible times', 'online_transactions', count(*), sum(revenue), null
    from orders where not time_is_plausible
    union all
    select 'implausible times', 'in_store_transactions', count(*), sum(amount), null
    from gold.fct_in_store_transactions where not time_is_plausible
    union all
    select 'implausible times', 'customer_service_interactions', count(*), null, null
    from gold.fct_service_interactions where not time_is_plausible
    union all
    select 'implausible times', 'loyalty_transactions', count(*), null, null
    from gold.fct_loyalty_transactions where not time_is_plausible
    union all
    select 'rejected rows', entity, count(*), null, reason
    from silver.rejected_rows group by entity, reason
    union all
    select 'superseded rows', entity, row_count, null, reason
    from silver.superseded_rows
    union all
    select 'unreadable values', entity, sum(row_count), null, column_name
    from silver.unreadable_values group by entity, column_name
)

select note, entity, rows::bigint as rows, amount::decimal(18, 2) as amount, detail::varchar as detail
from notes
where rows > 0;
