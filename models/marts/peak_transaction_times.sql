with transactions as (
    select
        {{ collated("'online'") }} as channel,
        ordered_at as occurred_at,
        amount
    from {{ ref('fct_online_transactions') }}
    union all
    select
        {{ collated("'in_store'") }} as channel,
        purchased_at as occurred_at,
        amount
    from {{ ref('fct_in_store_transactions') }}
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
    channel,
    {{ day_name('day_of_week_number') }} as day_of_week,
    day_of_week_number,
    hour_of_day,
    total_transactions,
    total_amount,
    cast({{ divide('total_transactions', 'channel_transactions', scale=6) }} as decimal(9, 6)) as transaction_share,
    rank() over (partition by channel order by total_transactions desc) as peak_rank
from shared
