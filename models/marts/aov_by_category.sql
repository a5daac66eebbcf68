with purchases as (
    select * from {{ ref('purchases') }}
    where channel = 'online'
),

totals as (
    {{ purchase_totals('purchases', ['category']) }}
)

select
    category,
    cast(total_orders as {{ engine_type('bigint') }}) as total_orders,
    total_amount,
    {{ average_amount('total_amount', 'total_orders') }} as average_order_value
from totals
