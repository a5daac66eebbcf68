{#-
    What customer_360 and person_360 tell of a customer or a person, as columns of a select. They are of the relations
    `profiles`, `totals` (totals_over_events), `segments` (segments_by_spend), `rfm` (scores_by_quintile) and `loyalty`
    (loyalty_totals), of which all but profiles and segments may lack a row.
-#}
{% macro columns_of_360() -%}
    profiles.customer_name,
    profiles.email,
    profiles.address,
    cast(coalesce(totals.online_orders, 0) as {{ engine_type('bigint') }}) as online_orders,
    cast(coalesce(totals.online_spend, 0) as decimal(18, 2)) as online_spend,
    {{ average_amount('totals.online_spend', 'totals.online_orders') }} as online_average_order_value,
    cast(coalesce(totals.in_store_orders, 0) as {{ engine_type('bigint') }}) as in_store_orders,
    cast(coalesce(totals.in_store_spend, 0) as decimal(18, 2)) as in_store_spend,
    {{ average_amount('totals.in_store_spend', 'totals.in_store_orders') }} as in_store_average_order_value,
    cast(coalesce(totals.total_orders, 0) as {{ engine_type('bigint') }}) as total_orders,
    cast(coalesce(totals.total_spend, 0) as decimal(18, 2)) as total_spend,
    {{ average_amount('totals.total_spend', 'totals.total_orders') }} as average_order_value,
    cast(coalesce(totals.refunds, 0) as {{ engine_type('bigint') }}) as refunds,
    cast(coalesce(totals.refunded_amount, 0) as decimal(18, 2)) as refunded_amount,
    totals.first_purchase_at,
    totals.last_purchase_at,
    totals.preferred_channel,
    totals.preferred_category,
    totals.preferred_store,
    totals.preferred_payment_method,
    segments.tier_level,
    cast(coalesce(loyalty.loyalty_accounts, 0) as {{ engine_type('bigint') }}) as loyalty_accounts,
    cast(loyalty.points_balance as {{ engine_type('bigint') }}) as points_balance,
    cast(coalesce(totals.interactions, 0) as {{ engine_type('bigint') }}) as interactions,
    cast(
        coalesce(totals.interactions - totals.resolved_interactions, 0) as {{ engine_type('bigint') }}
    ) as unresolved_interactions,
    {{ resolution_rate('totals.resolved_interactions', 'totals.interactions') }} as resolution_rate,
    totals.last_contact_at,
    segments.segment,
    rfm.recency_days,
    rfm.recency_score,
    rfm.frequency_score,
    rfm.monetary_score,
    totals.last_touch_at,
    totals.last_touchpoint
{%- endmacro %}
