{{ config(materialized='table') }}
-- Whom nobody has looked at yet, as in a build by hand, is a person of their own.
select
    customers.customer_id,
    cast(
        coalesce(matched.person_id, {{ collated("concat('P', customers.customer_id)") }})
        as {{ engine_type('varchar(80)') }}
    ) as person_id,
    cast(
        coalesce(matched.matched_by, {{ collated("'not matched yet'") }}) as {{ engine_type('varchar(100)') }}
    ) as matched_by,
    matched.probability,
    matched.matched_at
from {{ ref('dim_customers') }} as customers
left join {{ source('identity', 'matched_customers') }} as matched on customers.customer_id = matched.customer_id
where customers.customer_id <> {{ unknown_key('customers') }}
