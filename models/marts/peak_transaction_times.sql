with further_order_lines as (
    {{ further_lines(ref('fct_online_transactions'), 'order_id') }}
),

further_purchase_lines as (
    {{ further_lines(ref('fct_in_store_transactions'), 'transaction_id') }}
),

-- A transaction takes place once, when its first line says, and comes to what all its lines do.
transactions as (
    select
        {{ collated("'online'") }} as channel,
        orders.ordered_at as occurred_at,
        orders.amount + coalesce(further_order_lines.amount, 0) as amount
    from {{ ref('fct_online_transactions') }} as orders
    left join further_order_lines on orders.order_id = further_order_lines.order_id
    where orders.line_number = 1 and orders.time_is_plausible = 1
    union all
    select
        {{ collated("'in_store'") }} as channel,
        purchases.purchased_at as occurred_at,
        purchases.amount + coalesce(further_purchase_lines.amount, 0) as amount
    from {{ ref('fct_in_store_transactions') }} as purchases
    left join further_purchase_lines on purchases.transaction_id = further_purchase_lines.transaction_id
    where purchases.line_number = 1 and purchases.time_is_plausible = 1
),

placed as (
    select
        channel,
        {{ day_of_week_number('occurred_at') }} as day_of_week_number,
        {{ hour_of_day('occurred_at') }} as hour_of_day,
        amount
    from transactions
),

totals as (
    select
        channel,
        day_of_week_number,
        hour_of_day,
        count(*) as total_transactions,
        cast(sum(amount) as decimal(18, 2)) as total_amount
    from placed
    group by channel, day_of_week_number, hour_of_day
),

shared as (
    select
        totals.channel,
        totals.day_of_week_number,
        totals.hour_of_day,
        totals.total_transactions,
        totals.total_amount,
        sum(totals.total_transactions) over (partition by totals.channel) as channel_transactions
    from totals
)

select
    cast(channel as {{ engine_type('varchar(10)') }}) as channel,
    cast({{ day_name('day_of_week_number') }} as {{ engine_type('varchar(10)') }}) as day_of_week,
    cast(day_of_week_number as {{ engine_type('integer') }}) as day_of_week_number,
    cast(hour_of_day as {{ engine_type('integer') }}) as hour_of_day,
    cast(total_transactions as {{ engine_type('bigint') }}) as total_transactions,
    total_amount,
    cast({{ divide('total_transactions', 'channel_transactions', scale=6) }} as decimal(9, 6)) as transaction_share,
    cast(
        rank() over (partition by channel order by total_transactions desc) as {{ engine_type('bigint') }}
    ) as peak_rank
from shared
