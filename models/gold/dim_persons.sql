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

{%- for attribute, rule in rules.items() %}
surviving_{{ attribute }} as (
    {{ surviving_values('several_records', 'person_id', attribute, rule) }}
),
{%- endfor %}

persons as (
    select
        persons.person_id,
        {%- for attribute in rules %}
        surviving_{{ attribute }}.{{ attribute }},
        {%- endfor %}
        {%- for attribute in rules %}
        surviving_{{ attribute }}.customer_id as {{ attribute }}_from,
        {%- endfor %}
        persons.customer_records,
        persons.customer_ids
    from persons_of_several_records as persons
    {%- for attribute in rules %}
    inner join surviving_{{ attribute }} on persons.person_id = surviving_{{ attribute }}.person_id
    {%- endfor %}
    union all
    select
        person_id,
        {%- for attribute in rules %}
        {{ attribute }},
        {%- endfor %}
        {%- for attribute in rules %}
        customer_id as {{ attribute }}_from,
        {%- endfor %}
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
