with profiles as (
    select * from {{ ref('dim_persons') }}
),

segments as (
    select * from {{ ref('person_segments') }}
),

totals as (
    select * from {{ ref('person_totals') }}
),

rfm as (
    select * from {{ ref('person_rfm') }}
),

accounts as (
    select
        customer_persons.person_id,
        accounts.points_earned
    from {{ ref('dim_loyalty_accounts') }} as accounts
    inner join {{ ref('customer_persons') }} as customer_persons on accounts.customer_id = customer_persons.customer_id
),

loyalty as (
    {{ loyalty_totals('accounts', 'person_id') }}
)

select
    profiles.person_id,
    profiles.customer_ids,
    profiles.customer_records,
    {{ columns_of_360() }}
from profiles
inner join segments on profiles.person_id = segments.person_id
left join totals on profiles.person_id = totals.person_id
left join loyalty on profiles.person_id = loyalty.person_id
left join rfm on profiles.person_id = rfm.person_id
