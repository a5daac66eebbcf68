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

-- A customer who only has refunds has spend, below zero, and no purchase.
buyers as (
    select
        customer_id,
        percent_rank() over (order by total_spend desc) as spend_percent_rank,
        count(*) over (partition by total_spend) as customers_with_that_spend,
        count(*) over (order by total_spend desc) as customers_with_as_much,
        count(*) over () as customers_with_a_purchase
    from totals
    where total_orders > 0
),

ranked_tiers as (
    select
        accounts.customer_id,
        accounts.tier_level,
        row_number() over (
            partition by accounts.customer_id
            order by coalesce(tiers.tier_rank, 0) desc, accounts.tier_level
        ) as place
    from {{ ref('dim_loyalty_accounts') }} as accounts
    left join {{ ref('loyalty_tiers') }} as tiers on accounts.tier_level = tiers.tier_level
    where accounts.tier_level is not null
),

best_tiers as (
    select
        customer_id,
        tier_level
    from ranked_tiers
    where place = 1
),

profiles as (
    select
        customers.customer_id,
        coalesce(totals.total_spend, 0) as total_spend,
        coalesce(totals.total_orders, 0) as purchase_frequency,
        best_tiers.tier_level,
        buyers.spend_percent_rank,
        -- Where many spend the same, as much as all of them, the best spenders are nobody in particular.
        case
            when buyers.spend_percent_rank > {{ var('high_value_share') }} then 0
            when
                buyers.customers_with_that_spend = 1
                or buyers.customers_with_as_much <= {{ 2 * var('high_value_share') }} * buyers.customers_with_a_purchase
                then 1
            else 0
        end as is_high_value
    from customers
    left join totals on customers.customer_id = totals.customer_id
    left join buyers on customers.customer_id = buyers.customer_id
    left join best_tiers on customers.customer_id = best_tiers.customer_id
)

select
    customer_id,
    cast(total_spend as decimal(18, 2)) as total_spend,
    cast(purchase_frequency as {{ engine_type('bigint') }}) as purchase_frequency,
    tier_level,
    cast(spend_percent_rank as {{ engine_type('double') }}) as spend_percent_rank,
    cast(
        case
            when purchase_frequency = 0 then {{ collated("'No Purchases'") }}
            when is_high_value = 1 then 'High-Value Customer'
            when purchase_frequency = 1 then 'One-Time Buyer'
            when tier_level is not null then 'Loyalty Champion'
            else 'Regular Customer'
        end as {{ engine_type('varchar(30)') }}
    ) as segment
from profiles
