with totals as (
    select
        location,
        cast({{ order_count() }} as {{ engine_type('bigint') }}) as total_orders,
        cast(sum(amount) as decimal(18, 2)) as total_amount
    from {{ ref('purchases') }}
    where channel = 'in_store'
    group by location
)

select
    location,
    total_orders,
    total_amount,
    {{ average_amount('total_amount', 'total_orders') }} as average_order_value
from totals
