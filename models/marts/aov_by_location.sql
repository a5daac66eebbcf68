with purchases as (
    select * from {{ ref('purchases') }}
    where channel = 'in_store'
),

totals as (
    {{ purchase_totals('purchases', ['location']) }}
)

select
    location,
    cast(total_orders as {{ engine_type('bigint') }}) as total_orders,
    total_amount,
    {{ average_amount('total_amount', 'total_orders') }} as average_order_value
from totals
