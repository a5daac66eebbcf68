with persons_of_several_records as (
    select * from {{ ref('merged_person_totals') }}
),

persons_of_one_record as (
    select
        customer_persons.person_id,
        totals.*
    from {{ ref('customer_totals') }} as totals
    inner join {{ ref('customer_persons') }} as customer_persons on totals.customer_id = customer_persons.customer_id
    where customer_persons.person_id not in (select several.person_id from persons_of_several_records as several)
)

{%- for persons in ['persons_of_several_records', 'persons_of_one_record'] %}
{{ 'union all' if not loop.first }}
select
    person_id,
    online_orders,
    online_spend,
    in_store_orders,
    in_store_spend,
    total_orders,
    total_spend,
    refunds,
    refunded_amount,
    first_purchase_at,
    last_purchase_at,
    preferred_channel,
    preferred_category,
    preferred_store,
    preferred_payment_method,
    interactions,
    resolved_interactions,
    last_contact_at,
    last_touch_at,
    last_touchpoint
from {{ persons }}
{%- endfor %}
