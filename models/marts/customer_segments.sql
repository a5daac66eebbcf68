with customers as (
    select customer_id from {{ ref('dim_customers') }}
    where customer_id <> {{ unknown_key('customers') }}
),

totals as (
    select
        customer_id,
        total_orders,
        total_spend
    from {{ ref('customer_totals') }}
),

accounts as (
    select
        customer_id,
        tier_level
    from {{ ref('dim_loyalty_accounts') }}
),

{{ segments_by_spend('customer_id', 'customers', 'totals', 'accounts', ref('loyalty_tiers')) }}
