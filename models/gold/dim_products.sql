with products as (
    select
        product_id,
        product_name,
        category,
        price,
        _batch_id
    from {{ rows_to_build(ref('products')) }}
),

unknown_member as (
    select
        {{ unknown_key('products') }} as product_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as product_name,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as category,
        cast(null as {{ engine_type('decimal(18,2)') }}) as price,
        cast(null as {{ engine_type('varchar(255)') }}) as _batch_id
)

select * from products
{%- if not is_incremental() %}
union all
select * from unknown_member
{%- endif %}
