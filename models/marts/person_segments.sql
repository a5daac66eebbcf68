with persons as (
    select person_id from {{ ref('dim_persons') }}
),

totals as (
    select
        person_id,
        total_orders,
        total_spend
    from {{ ref('person_totals') }}
),

accounts as (
    select
        customer_persons.person_id,
        accounts.tier_level
    from {{ ref('dim_loyalty_accounts') }} as accounts
    inner join {{ ref('customer_persons') }} as customer_persons on accounts.customer_id = customer_persons.customer_id
),

{{ segments_by_spend('person_id', 'persons', 'totals', 'accounts', ref('loyalty_tiers')) }}
