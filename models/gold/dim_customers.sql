with customers as (
    select
        customer_id,
        customer_name,
        email,
        address,
        _batch_id
    from {{ rows_to_build(ref('customers')) }}
),

unknown_member as (
    select
        {{ unknown_key('customers') }} as customer_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as customer_name,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as email,
        cast('Unknown' as {{ engine_type('varchar(255)') }}) as address,
        cast(null as {{ engine_type('varchar(255)') }}) as _batch_id
)

select * from customers
{%- if not is_incremental() %}
union all
select * from unknown_member
{%- endif %}
