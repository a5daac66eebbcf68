-- Why the high-value customers differ from those known before: a percent rank by ascending spend gives the lowest tenth
-- of spenders ranks up to 0.10, and calls them high-value, however many of them spend the same.
with buyers as (
    select
        customer_id,
        total_spend,
        segment,
        percent_rank() over (order by total_spend) as ascending_rank
    from {{ ref('customer_segments') }}
    where purchase_frequency > 0
)

select
    'lowest spend first' as method,
    count(*) as high_value_customers,
    min(total_spend) as least_spend,
    max(total_spend) as greatest_spend
from buyers
where ascending_rank <= {{ var('high_value_share') }}
union all
select
    'highest spend first' as method,
    count(*) as high_value_customers,
    min(total_spend) as least_spend,
    max(total_spend) as greatest_spend
from buyers
where segment = 'High-Value Customer'
