{{ config(materialized='table') }}
{%- set rules = survivorship() -%}
with records as (
    select
        customer_persons.person_id,
        customers.customer_id,
        customers.customer_name,
        customers.email,
        customers.address,
        customers._as_of,
        customers._batch_id
    from {{ ref('customer_persons') }} as customer_persons
    inner join {{ ref('customers') }} as customers on customer_persons.customer_id = customers.customer_id
),

-- Of one record there is nothing to choose; most persons have just one.
persons_of_several_records as (
    select
        person_id,
        count(*) as customer_records,
        {{ listed('customer_id') }} as customer_ids
    from records
    group by person_id
    having count(*) > 1
),

several_records as (
    select records.* from records
    inner join persons_of_several_records as persons on records.person_id = persons.person_id
),

names as (
    {{ surviving_values('several_records', 'person_id', 'customer_name', rules.customer_name) }}
),

emails as (
    {{ surviving_values('several_records', 'person_id', 'email', rules.email) }}
),

addresses as (
    {{ surviving_values('several_records', 'person_id', 'address', rules.address) }}
),

persons as (
    select
        persons.person_id,
        names.customer_name,
        emails.email,
        addresses.address,
        names.customer_id as customer_name_from,
        emails.customer_id as email_from,
        addresses.customer_id as address_from,
        persons.customer_records,
        persons.customer_ids
    from persons_of_several_records as persons
    inner join names on persons.person_id = names.person_id
    inner join emails on persons.person_id = emails.person_id
    inner join addresses on persons.person_id = addresses.person_id
    union all
    select
        person_id,
        customer_name,
        email,
        address,
        customer_id as customer_name_from,
        customer_id as email_from,
        customer_id as address_from,
        1 as customer_records,
        {{ as_text('customer_id') }} as customer_ids
    from records
    where person_id not in (select several.person_id from persons_of_several_records as several)
)

select
    person_id,
    customer_name,
    email,
    address,
    customer_name_from,
    email_from,
    address_from,
    cast(customer_records as {{ engine_type('bigint') }}) as customer_records,
    cast({{ collated('customer_ids') }} as {{ engine_type('varchar(8000)') }}) as customer_ids
from persons
