-- Gold from silver: dimensions with the member -1, facts whose keys always have a member.
create table gold.dim_customers as
select customer_id, customer_name, email, address from silver.customers
union all
select -1, 'Unknown', 'Unknown', 'Unknown';

create table gold.dim_products as
select product_id, product_name, category, price from silver.products
union all
select -1, 'Unknown', 'Unknown', null;

create table gold.dim_stores as
select store_id, location, manager, open_hours from silver.stores
union all
select -1, 'Unknown', 'Unknown', 'Unknown';

create table gold.dim_agents as
select agent_id, agent_name, department, shift from silver.agents
union all
select -1, 'Unknown', 'Unknown', 'Unknown';

create table gold.dim_loyalty_accounts as
select
    accounts.loyalty_id,
    coalesce(customers.customer_id, -1) as customer_id,
    accounts.points_earned,
    accounts.tier_level,
    accounts.join_date,
    accounts.customer_id as source_customer_id
from silver.loyalty_accounts as accounts
left join gold.dim_customers as customers using (customer_id)
union all
select -1, -1, null, null, null, null;

create macro gold.date_key(moment) as
    cast(year(moment) * 10000 + month(moment) * 100 + day(moment) as integer);

-- The script sets latest_plausible to a day after the batch.
create macro gold.is_plausible(moment) as
    moment between timestamp '1990-01-01 00:00:00' and getvariable('latest_plausible');

create table gold.fct_online_transactions as
select
    orders.order_id,
    orders.line_number,
    coalesce(customers.customer_id, -1) as customer_id,
    coalesce(products.product_id, -1) as product_id,
    gold.date_key(orders.ordered_at) as date_key,
    orders.ordered_at,
    gold.is_plausible(orders.ordered_at) as time_is_plausible,
    orders.payment_method,
    orders.amount,
    orders.status,
    coalesce(statuses.counts_as_revenue, true) as counts_as_revenue,
    orders.source_amount,
    orders.source_currency,
    orders.customer_id as source_customer_id,
    orders.product_id as source_product_id
from silver.online_transactions as orders
left join gold.dim_customers as customers using (customer_id)
left join gold.dim_products as products using (product_id)
left join reference.order_statuses as statuses using (status);

create table gold.fct_in_store_transactions as
select
    visits.transaction_id,
    visits.line_number,
    coalesce(customers.customer_id, -1) as customer_id,
    coalesce(stores.store_id, -1) as store_id,
    gold.date_key(visits.purchased_at) as date_key,
    visits.purchased_at,
    gold.is_plausible(visits.purchased_at) as time_is_plausible,
    visits.amount,
    visits.payment_method,
    visits.source_amount,
    visits.source_currency,
    visits.customer_id as source_customer_id,
    visits.store_id as source_store_id
from silver.in_store_transactions as visits
left join gold.dim_customers as customers using (customer_id)
left join gold.dim_stores as stores using (store_id);

create table gold.fct_service_interactions as
select
    contacts.interaction_id,
    coalesce(customers.customer_id, -1) as customer_id,
    coalesce(agents.agent_id, -1) as agent_id,
    gold.date_key(contacts.interacted_at) as date_key,
    contacts.interacted_at,
    gold.is_plausible(contacts.interacted_at) as time_is_plausible,
    contacts.issue_type,
    contacts.resolution_status,
    coalesce(statuses.is_resolved, false) as is_resolved,
    contacts.customer_id as source_customer_id,
    contacts.agent_id as source_agent_id
from silver.customer_service_interactions as contacts
left join gold.dim_customers as customers using (customer_id)
left join gold.dim_agents as agents using (agent_id)
left join reference.resolution_statuses as statuses using (resolution_status);

create table gold.fct_loyalty_transactions as
select
    coalesce(accounts.loyalty_id, -1) as loyalty_id,
    changes.line_number,
    gold.date_key(changes.transacted_at) as date_key,
    changes.transacted_at,
    gold.is_plausible(changes.transacted_at) as time_is_plausible,
    changes.points_change,
    changes.reason,
    changes.loyalty_id as source_loyalty_id
from silver.loyalty_transactions as changes
left join gold.dim_loyalty_accounts as accounts using (loyalty_id);

create table gold.dim_dates as
with events as (
    select ordered_at as occurred_at, time_is_plausible from gold.fct_online_transactions
    union all
    select purchased_at, time_is_plausible from gold.fct_in_store_transactions
    union all
    select interacted_at, time_is_plausible from gold.fct_service_interactions
    union all
    select transacted_at, time_is_plausible from gold.fct_loyalty_transactions
),

years as (
    select year(min(occurred_at)) as first_year, year(max(occurred_at)) as last_year
    from events where time_is_plausible
),

days as (
    select cast(unnest(generate_series(
        make_timestamp(first_year, 1, 1, 0, 0, 0), make_timestamp(last_year, 12, 31, 0, 0, 0), interval 1 day
    )) as date) as date_day
    from years
    union
    select cast(occurred_at as date) from events where not time_is_plausible
)

select
    gold.date_key(date_day) as date_key,
    date_day,
    cast(year(date_day) as integer) as year_number,
    cast(quarter(date_day) as integer) as quarter_number,
    cast(month(date_day) as integer) as month_number,
    monthname(date_day) as month_name,
    cast(day(date_day) as integer) as day_of_month,
    cast(isodow(date_day) as integer) as day_of_week_number,
    dayname(date_day) as day_of_week,
    isodow(date_day) >= 6 as is_weekend
from days
union all
select -1, null, null, null, null, 'Unknown', null, null, 'Unknown', false;
