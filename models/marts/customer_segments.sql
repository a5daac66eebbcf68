with customers as (
    select customer_id from {{ ref('dim_customers') }}
    where customer_id <> -1
),

purchase_totals as (
    select
        customer_id,
        cast(sum(amount) as decimal(18, 2)) as total_spend,
        count(*) as purchase_frequency
    from {{ ref('purchases') }}
    where customer_id <> -1
    group by customer_id
),

buyers as (
    select
        customer_id,
        total_spend,
        purchase_frequency,
        percent_rank() over (order by total_spend desc) as spend_percent_rank
    from purchase_totals
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
        coalesce(buyers.total_spend, 0) as total_spend,
        coalesce(buyers.purchase_frequency, 0) as purchase_frequency,
        best_tiers.tier_level,
        buyers.spend_percent_rank
    from customers
    left join buyers on customers.customer_id = buyers.customer_id
    left join best_tiers on customers.customer_id = best_tiers.customer_id
)

select
    customer_id,
    cast(total_spend as decimal(18, 2)) as total_spend,
    purchase_frequency,
    tier_level,
    spend_percent_rank,
    case
        when purchase_frequency = 0 then {{ collated("'No Purchases'") }}
        when spend_percent_rank <= {{ var('high_value_share') }} then 'High-Value Customer'
        when purchase_frequency = 1 then 'One-Time Buyer'
        when tier_level is not null then 'Loyalty Champion'
        else 'Regular Customer'
    end as segment
from profiles
