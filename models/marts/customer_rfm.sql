with totals as (
    select
        customer_id,
        total_orders,
        total_spend,
        last_purchase_at
    from {{ ref('customer_totals') }}
),

newest_event as (
    select max(newest) as newest_at
    from (
        select max(ordered_at) as newest from {{ ref('fct_online_transactions') }}
        where time_is_plausible = 1
        union all
        select max(purchased_at) as newest from {{ ref('fct_in_store_transactions') }}
        where time_is_plausible = 1
        union all
        select max(interacted_at) as newest from {{ ref('fct_service_interactions') }}
        where time_is_plausible = 1
        union all
        select max(transacted_at) as newest from {{ ref('fct_loyalty_transactions') }}
        where time_is_plausible = 1
    ) as newest_of_each
),

recencies as (
    select
        totals.customer_id,
        {{
            days_between(
                'cast(totals.last_purchase_at as date)',
                recency_date('newest_event.newest_at')
            )
        }} as recency_days
    from totals
    cross join newest_event
    where totals.last_purchase_at is not null
),

recency_scores as (
    select
        customer_id,
        recency_days,
        ntile(5) over (order by recency_days desc, customer_id asc) as recency_score
    from recencies
),

scores as (
    select
        customer_id,
        ntile(5) over (order by total_orders, customer_id) as frequency_score,
        ntile(5) over (order by total_spend, customer_id) as monetary_score
    from totals
    where total_orders > 0
)

select
    scores.customer_id,
    cast(recency_scores.recency_days as {{ engine_type('bigint') }}) as recency_days,
    cast(recency_scores.recency_score as {{ engine_type('integer') }}) as recency_score,
    cast(scores.frequency_score as {{ engine_type('integer') }}) as frequency_score,
    cast(scores.monetary_score as {{ engine_type('integer') }}) as monetary_score
from scores
left join recency_scores on scores.customer_id = recency_scores.customer_id
