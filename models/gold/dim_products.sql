with products as (
    select
        product_id,
        product_name,
        category,
        price
    from {{ ref('products') }}
),

unknown_member as (
    select
        {{ unknown_key('products') }} as product_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as product_name,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as category,
        cast(null as {{ engine_type('decimal(18,2)') }}) as price
)

select * from products
union all
select * from unknown_member
