with totals as (
    select
        product_id,
        cast({{ order_count() }} as {{ engine_type('bigint') }}) as total_orders,
        cast(sum(amount) as decimal(18, 2)) as total_amount
    from {{ ref('purchases') }}
    where channel = 'online'
    group by product_id
),

products as (
    select * from {{ ref('dim_products') }}
)

select
    totals.product_id,
    products.product_name,
    products.category,
    totals.total_orders,
    totals.total_amount,
    {{ average_amount('totals.total_amount', 'totals.total_orders') }} as average_order_value
from totals
inner join products on totals.product_id = products.product_id
