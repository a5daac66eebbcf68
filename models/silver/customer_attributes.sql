{%- set place = ['_as_of', '_source_file', '_batch_id'] -%}
-- What is declared to be read of customers beyond the contract, a row for each value of the rows that count.
-- depends_on: {{ ref('customers') }}
with members as (
    {{ json_members(counted_rows('customers'), '_extra', ['customer_id'] + place) }}
),

cleaned as (
    select
        customer_id,
        member_name as attribute,
        {{ clean_raw('member_value', 'varchar(255)') }} as value,
        {{ place | join(',\n        ') }}
    from members
)

select *
from cleaned
where value is not null
