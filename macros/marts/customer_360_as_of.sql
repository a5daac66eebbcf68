{#-
    Post-hook of customer_360: makes the function marts.customer_360_as_of(day), which gives customer_360 as it was at the end of
    a day by the clock of the business, but for who is who. Customers and accounts are what their histories say of that day, of
    events there are those until then, as they are known now, and ranks are among all customers of that day. And
    marts.day_of(moment), the day that a moment of a history is of: a file whose name carries a day holds since the last
    microsecond of it (ingest/arrival.py), wherever the business is. Made on DuckDB, where the command `c360 customer` asks.
    Example: select * from marts.customer_360_as_of(date '2026-06-30')
-#}
{% macro make_customer_360_as_of() -%}
    {%- if execute -%}{{ return(adapter.dispatch('make_customer_360_as_of')()) }}{%- endif -%}
{%- endmacro %}


{% macro default__make_customer_360_as_of() -%}{{ return('') }}{%- endmacro %}


{% macro duckdb__make_customer_360_as_of() -%}
{%- set facts = {
    'orders': [relation_of('fct_online_transactions'), 'online_transactions', 'order_id', 'ordered_at'],
    'visits': [relation_of('fct_in_store_transactions'), 'in_store_transactions', 'transaction_id', 'purchased_at'],
    'contacts': [relation_of('fct_service_interactions'), 'customer_service_interactions', none, 'interacted_at'],
} -%}
{%- set events = {
    'purchases': 'purchases_until_then',
    'orders': 'orders',
    'visits': 'visits',
    'contacts': 'contacts',
    'point_changes': 'point_changes',
    'accounts': 'accounts',
} -%}
create or replace macro {{ this.incorporate(path={'identifier': 'day_of'}) }}(moment) as
case
    when cast(moment as time) = time '23:59:59.999999' then cast(moment as date)
    else cast({{ business_time('moment') }} as date)
end;
create or replace macro {{ this.incorporate(path={'identifier': 'customer_360_as_of'}) }}(as_of_day) as table (
with customers as (
    select * from {{ ref('customers_history') }}
    where {{ held_on('as_of_day') }}
),

accounts as (
    select accounts.* replace ({{ known_or_unknown('customer_id', 'customers') }} as customer_id)
    from {{ ref('loyalty_accounts_history') }} as accounts
    left join ({{ known_keys('customers', 'customer_id', 'customers', 'loyalty_accounts') }}) as known
        on accounts.customer_id = known.customer_id
    where {{ held_on('as_of_day') }}
),

-- An event's customer is who was one then, and an order is of the time of its first line.
{%- for name, (fact, entity, order, moment) in facts.items() %}
{{ name }} as (
    select facts.* replace ({{ known_or_unknown('customer_id', 'customers') }} as customer_id)
    from {{ fact }} as facts
    left join ({{ known_keys('customers', 'customer_id', 'customers', entity) }}) as known
        on facts.source_customer_id = known.customer_id
    where
        {%- if order %}
        facts.{{ order }} in (select {{ order }} from {{ fact }} where line_number = 1 and {{ moment }} < as_of_day + 1)
        {%- else %}
        facts.{{ moment }} < as_of_day + 1
        {%- endif %}
),
{% endfor %}
point_changes as (
    select facts.* replace (
        {{ known_or_unknown('loyalty_id', 'loyalty_accounts, loyalty_transactions') }} as loyalty_id
    )
    from {{ relation_of('fct_loyalty_transactions') }} as facts
    left join ({{ known_keys('accounts', 'loyalty_id', 'loyalty_accounts', 'loyalty_transactions') }}) as known
        on facts.source_loyalty_id = known.loyalty_id
    where facts.transacted_at < as_of_day + 1
),

purchases_until_then as (
    {{ purchases_of('orders', 'visits', relation_of('dim_products'), relation_of('dim_stores')) }}
),

totals as (
    with {{ totals_over_events('customer_id', events, among='customers') }}
),

segments as (
    with {{ segments_by_spend('customer_id', 'customers', 'totals', 'accounts', ref('loyalty_tiers')) }}
),

rfm as (
    with {{ scores_by_quintile('customer_id', 'totals', [
        ('orders', 'ordered_at'), ('visits', 'purchased_at'), ('contacts', 'interacted_at'), ('point_changes', 'transacted_at')
    ]) }}
),

loyalty as (
    {{ loyalty_totals('accounts', 'customer_id') }}
)

select
    profiles.customer_id,
    {{ columns_of_360() }}
from customers as profiles
inner join segments on profiles.customer_id = segments.customer_id
left join totals on profiles.customer_id = totals.customer_id
left join loyalty on profiles.customer_id = loyalty.customer_id
left join rfm on profiles.customer_id = rfm.customer_id
)
{%- endmacro %}


{#- The condition that a period of a history has the end of a day in it. -#}
{% macro held_on(day) -%}
    {%- set day_of = this.incorporate(path={'identifier': 'day_of'}) -%}
    {{ day_of }}(valid_from) <= {{ day }} and (valid_to is null or {{ day_of }}(valid_to) > {{ day }})
{%- endmacro %}


{#- The key that a row points to: the one of `known`, or that of the unknown member. -#}
{% macro known_or_unknown(key, entities_of_key) -%}
    {{ return('coalesce(known.' ~ key ~ ', ' ~ unknown_key(entities_of_key) ~ ')') }}
{%- endmacro %}
