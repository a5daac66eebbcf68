{{ config(materialized='table') }}
{#- How many days there may be from the first plausible one to the end of the year after this one. -#}
{%- set most_days = 366 * (run_started_at.year + 2 - (var('earliest_plausible_date') | string)[:4] | int) -%}
with event_days as (
    select
        cast(ordered_at as date) as event_day,
        time_is_plausible
    from {{ ref('fct_online_transactions') }}
    union
    select
        cast(purchased_at as date) as event_day,
        time_is_plausible
    from {{ ref('fct_in_store_transactions') }}
    union
    select
        cast(interacted_at as date) as event_day,
        time_is_plausible
    from {{ ref('fct_service_interactions') }}
    union
    select
        cast(transacted_at as date) as event_day,
        time_is_plausible
    from {{ ref('fct_loyalty_transactions') }}
),

-- Whole years, so that comparisons of years and months are complete.
calendar as (
    select
        case
            when min(event_day) is not null
                then cast(concat(right(concat('000', year(min(event_day))), 4), '-01-01') as date)
        end as first_day,
        case
            when max(event_day) is not null
                then cast(concat(right(concat('000', year(max(event_day))), 4), '-12-31') as date)
        end as last_day
    from event_days
    where time_is_plausible = 1
),

days as (
    select {{ add_days('whole_numbers.n', 'calendar.first_day') }} as date_day
    from calendar
    {{ with_whole_numbers(days_between('calendar.first_day', 'calendar.last_day'), most_days) }}
    union
    -- What happened on an implausible day needs its day, but not all those between.
    select event_day as date_day from event_days
),

numbered as (
    select
        date_day,
        year(date_day) as year_number,
        (month(date_day) + 2) / 3 as quarter_number,
        month(date_day) as month_number,
        day(date_day) as day_of_month,
        {{ day_of_week_number('date_day') }} as day_of_week_number
    from days
),

described as (
    select
        {{ date_key('date_day') }} as date_key,
        date_day,
        year_number,
        floor(quarter_number) as quarter_number,
        month_number,
        {{ month_name('month_number') }} as month_name,
        day_of_month,
        day_of_week_number,
        {{ day_name('day_of_week_number') }} as day_of_week,
        case when day_of_week_number >= 6 then 1 else 0 end as is_weekend
    from numbered
),

unknown_member as (
    select
        -1 as date_key,
        cast(null as {{ engine_type('date') }}) as date_day,
        cast(null as {{ engine_type('integer') }}) as year_number,
        cast(null as {{ engine_type('integer') }}) as quarter_number,
        cast(null as {{ engine_type('integer') }}) as month_number,
        'Unknown' as month_name,
        cast(null as {{ engine_type('integer') }}) as day_of_month,
        cast(null as {{ engine_type('integer') }}) as day_of_week_number,
        'Unknown' as day_of_week,
        0 as is_weekend
),

members as (
    select * from described
    union all
    select * from unknown_member
)

select
    cast(date_key as {{ engine_type('integer') }}) as date_key,
    date_day,
    cast(year_number as {{ engine_type('integer') }}) as year_number,
    cast(quarter_number as {{ engine_type('integer') }}) as quarter_number,
    cast(month_number as {{ engine_type('integer') }}) as month_number,
    cast(month_name as {{ engine_type('varchar(10)') }}) as month_name,
    cast(day_of_month as {{ engine_type('integer') }}) as day_of_month,
    cast(day_of_week_number as {{ engine_type('integer') }}) as day_of_week_number,
    cast(day_of_week as {{ engine_type('varchar(10)') }}) as day_of_week,
    cast(is_weekend as {{ engine_type('boolean') }}) as is_weekend
from members
