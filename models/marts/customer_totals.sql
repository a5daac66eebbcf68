{{
    config(
        incremental_strategy='by_customer',
        post_hook='{{ note_increment() }}'
    )
}}
{%- set events = {
    'purchases': ref('purchases'),
    'orders': ref('fct_online_transactions'),
    'visits': ref('fct_in_store_transactions'),
    'contacts': ref('fct_service_interactions'),
    'point_changes': ref('fct_loyalty_transactions'),
    'accounts': ref('dim_loyalty_accounts'),
} -%}
-- depends_on: {{ ref('dim_products') }}, {{ ref('dim_stores') }}
-- What is counted over all events of a customer, once: customer_360 and customer_segments are made from it.
-- Incrementally it is of the customers whose events, or what these point to, changed.
with
{%- if is_incremental() %}
touched as (
    {{ touched_customers(increment().since) }}
),
{%- endif %}

{{ totals_over_events('customer_id', events, among='touched' if is_incremental()) }}
