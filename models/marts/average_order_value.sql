with channel_totals as (
    {{ purchase_totals(ref('purchases'), ['channel']) }}
),

totals as (
    select
        'product' as dimension,
        product_name as member,
        'online' as channel,
        total_orders,
        total_amount
    from {{ ref('aov_by_product') }}
    union all
    select
        'category' as dimension,
        category as member,
        'online' as channel,
        total_orders,
        total_amount
    from {{ ref('aov_by_category') }}
    union all
    select
        'location' as dimension,
        location as member,
        'in_store' as channel,
        total_orders,
        total_amount
    from {{ ref('aov_by_location') }}
    union all
    select
        'channel' as dimension,
        channel as member,
        channel,
        total_orders,
        total_amount
    from channel_totals
    union all
    select
        'all' as dimension,
        'all' as member,
        'all' as channel,
        sum(total_orders) as total_orders,
        cast(sum(total_amount) as decimal(18, 2)) as total_amount
    from channel_totals
    having count(*) > 0
)

select
    cast({{ collated('dimension') }} as {{ engine_type('varchar(10)') }}) as dimension,
    cast({{ collated('member') }} as {{ engine_type('varchar(100)') }}) as member,
    cast({{ collated('channel') }} as {{ engine_type('varchar(10)') }}) as channel,
    cast(total_orders as {{ engine_type('bigint') }}) as total_orders,
    total_amount,
    {{ average_amount('total_amount', 'total_orders') }} as average_order_value
from totals
