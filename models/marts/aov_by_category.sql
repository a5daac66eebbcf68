with totals as (
    {{ purchase_totals(ref('purchases'), ['category'], channel='online') }}
)

select
    category,
    cast(total_orders as {{ engine_type('bigint') }}) as total_orders,
    total_amount,
    {{ average_amount('total_amount', 'total_orders') }} as average_order_value
from totals
