{%- set events = {
    'purchases': ref('purchases'),
    'orders': ref('fct_online_transactions'),
    'visits': ref('fct_in_store_transactions'),
    'contacts': ref('fct_service_interactions'),
    'point_changes': ref('fct_loyalty_transactions'),
    'accounts': ref('dim_loyalty_accounts'),
} -%}
-- What a person of one record bought and asked stands in customer_totals: only the events of others are gone through.
with members as (
    select
        customer_persons.customer_id,
        customer_persons.person_id
    from {{ ref('customer_persons') }} as customer_persons
    inner join {{ ref('dim_persons') }} as persons on customer_persons.person_id = persons.person_id
    where persons.customer_records > 1
),

{{ totals_over_events('person_id', events, among='members') }}
