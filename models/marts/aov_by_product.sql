with totals as (
    {{ purchase_totals(ref('purchases'), ['product_id'], channel='online') }}
),

products as (
    select * from {{ ref('dim_products') }}
)

select
    totals.product_id,
    products.product_name,
    products.category,
    cast(totals.total_orders as {{ engine_type('bigint') }}) as total_orders,
    totals.total_amount,
    {{ average_amount('totals.total_amount', 'totals.total_orders') }} as average_order_value
from totals
inner join products on totals.product_id = products.product_id
