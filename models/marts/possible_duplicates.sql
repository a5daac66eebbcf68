with customers as (
    select
        customers.customer_id,
        customers.customer_name,
        customers.email,
        customers.address,
        customer_persons.person_id,
        coalesce(totals.total_spend, 0) as total_spend
    from {{ ref('dim_customers') }} as customers
    inner join {{ ref('customer_persons') }} as customer_persons on customers.customer_id = customer_persons.customer_id
    left join {{ ref('customer_totals') }} as totals on customers.customer_id = totals.customer_id
)

select
    cast(
        row_number() over (order by pairs.probability desc, pairs.customer_id asc, pairs.other_customer_id asc)
        as {{ engine_type('bigint') }}
    ) as pair_rank,
    pairs.customer_id,
    pairs.other_customer_id,
    one.person_id,
    other.person_id as other_person_id,
    pairs.probability,
    pairs.reasons,
    one.customer_name,
    other.customer_name as other_customer_name,
    one.email,
    other.email as other_email,
    one.address,
    other.address as other_address,
    cast(one.total_spend + other.total_spend as decimal(18, 2)) as total_spend
from {{ source('identity', 'possible_duplicates') }} as pairs
inner join customers as one on pairs.customer_id = one.customer_id
inner join customers as other on pairs.other_customer_id = other.customer_id
