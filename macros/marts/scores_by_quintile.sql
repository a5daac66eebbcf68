{#-
    What follows in a WITH: the common table expressions and the select of how each customer, or each person, with a purchase ranks
    among all by recency, frequency and spend. `key` is customer_id or person_id, `totals` has it and those of
    totals_over_events; `facts` are those whose newest event recency is counted from, with the column of its time.
    Example: scores_by_quintile('person_id', 'totals', [(ref('fct_online_transactions'), 'ordered_at'), …])
-#}
{% macro scores_by_quintile(key, totals, facts) -%}
newest_event as (
    select max(newest) as newest_at
    from (
        {%- for fact, moment in facts %}
        select max({{ moment }}) as newest from {{ fact }}
        where time_is_plausible = 1
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as newest_of_each
),

recencies as (
    select
        totals.{{ key }},
        {{
            days_between(
                'cast(totals.last_purchase_at as date)',
                recency_date('newest_event.newest_at')
            )
        }} as recency_days
    from {{ totals }} as totals
    cross join newest_event
    where totals.last_purchase_at is not null
),

recency_scores as (
    select
        {{ key }},
        recency_days,
        ntile(5) over (order by recency_days desc, {{ key }} asc) as recency_score
    from recencies
),

scores as (
    select
        {{ key }},
        ntile(5) over (order by total_orders, {{ key }}) as frequency_score,
        ntile(5) over (order by total_spend, {{ key }}) as monetary_score
    from {{ totals }}
    where total_orders > 0
)

select
    scores.{{ key }},
    cast(recency_scores.recency_days as {{ engine_type('bigint') }}) as recency_days,
    cast(recency_scores.recency_score as {{ engine_type('integer') }}) as recency_score,
    cast(scores.frequency_score as {{ engine_type('integer') }}) as frequency_score,
    cast(scores.monetary_score as {{ engine_type('integer') }}) as monetary_score
from scores
left join recency_scores on scores.{{ key }} = recency_scores.{{ key }}
{%- endmacro %}
