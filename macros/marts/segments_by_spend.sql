{#-
    What follows in a WITH: the common table expressions and the select of the segment of each customer, or each person, and what it
    follows from. `key` is customer_id or person_id, and of `owners`, all that there are, `totals` (those of
    totals_over_events) and `accounts`, the tiers of loyalty accounts, all have it; `tiers` is the seed loyalty_tiers.
    Example: segments_by_spend('person_id', 'persons', 'totals', 'accounts', ref('loyalty_tiers'))
-#}
{% macro segments_by_spend(key, owners, totals, accounts, tiers) -%}
-- Who only has refunds has spend, below zero, and no purchase.
buyers as (
    select
        {{ key }},
        percent_rank() over (order by total_spend desc) as spend_percent_rank,
        count(*) over (partition by total_spend) as buyers_with_that_spend,
        count(*) over (order by total_spend desc) as buyers_with_as_much,
        count(*) over () as all_buyers
    from {{ totals }}
    where total_orders > 0
),

ranked_tiers as (
    select
        accounts.{{ key }},
        accounts.tier_level,
        row_number() over (
            partition by accounts.{{ key }}
            order by coalesce(tiers.tier_rank, 0) desc, accounts.tier_level
        ) as place
    from {{ accounts }} as accounts
    left join {{ tiers }} as tiers on accounts.tier_level = tiers.tier_level
    where accounts.tier_level is not null
),

best_tiers as (
    select
        {{ key }},
        tier_level
    from ranked_tiers
    where place = 1
),

profiles as (
    select
        owners.{{ key }},
        coalesce(totals.total_spend, 0) as total_spend,
        coalesce(totals.total_orders, 0) as purchase_frequency,
        best_tiers.tier_level,
        buyers.spend_percent_rank,
        -- Where many spend the same, as much as all of them, the best spenders are nobody in particular.
        case
            when buyers.spend_percent_rank > {{ var('high_value_share') }} then 0
            when
                buyers.buyers_with_that_spend = 1
                or buyers.buyers_with_as_much <= {{ 2 * var('high_value_share') }} * buyers.all_buyers
                then 1
            else 0
        end as is_high_value
    from {{ owners }} as owners
    left join {{ totals }} as totals on owners.{{ key }} = totals.{{ key }}
    left join buyers on owners.{{ key }} = buyers.{{ key }}
    left join best_tiers on owners.{{ key }} = best_tiers.{{ key }}
)

select
    {{ key }},
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
{%- endmacro %}
