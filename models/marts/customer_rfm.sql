{%- set facts = [
    (ref('fct_online_transactions'), 'ordered_at'),
    (ref('fct_in_store_transactions'), 'purchased_at'),
    (ref('fct_service_interactions'), 'interacted_at'),
    (ref('fct_loyalty_transactions'), 'transacted_at'),
] -%}
with totals as (
    select
        customer_id,
        total_orders,
        total_spend,
        last_purchase_at
    from {{ ref('customer_totals') }}
),

{{ scores_by_quintile('customer_id', 'totals', facts) }}
