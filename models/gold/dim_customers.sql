with customers as (
    select
        customer_id,
        customer_name,
        email,
        address
    from {{ ref('customers') }}
),

unknown_member as (
    select
        {{ unknown_key('customers') }} as customer_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as customer_name,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as email,
        cast('Unknown' as {{ engine_type('varchar(255)') }}) as address
)

select * from customers
union all
select * from unknown_member
