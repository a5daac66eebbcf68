{{ config(post_hook='{{ make_customer_360_as_of() }}') }}
{#- What the post-hook reads beyond all that this is made from. -#}
{%- for name in ['customers_history', 'loyalty_accounts_history', 'loyalty_tiers', 'unknown_keys'] %}
-- depends_on: {{ ref(name) }}
{%- endfor %}
with profiles as (
    select * from {{ ref('dim_customers') }}
    where customer_id <> {{ unknown_key('customers') }}
),

segments as (
    select * from {{ ref('customer_segments') }}
),

totals as (
    select * from {{ ref('customer_totals') }}
),

rfm as (
    select * from {{ ref('customer_rfm') }}
),

loyalty as (
    {{ loyalty_totals(ref('dim_loyalty_accounts'), 'customer_id') }}
),

persons as (
    select
        customer_persons.customer_id,
        persons.person_id,
        persons.customer_ids
    from {{ ref('customer_persons') }} as customer_persons
    inner join {{ ref('dim_persons') }} as persons on customer_persons.person_id = persons.person_id
)

select
    profiles.customer_id,
    {{ columns_of_360() }},
    persons.person_id,
    persons.customer_ids as person_customer_ids
from profiles
inner join segments on profiles.customer_id = segments.customer_id
left join totals on profiles.customer_id = totals.customer_id
left join loyalty on profiles.customer_id = loyalty.customer_id
left join rfm on profiles.customer_id = rfm.customer_id
left join persons on profiles.customer_id = persons.customer_id
