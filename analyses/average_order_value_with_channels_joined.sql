-- Why the average order value differs from the one known before: a view that joins both channels on the customer
-- repeats every online order once per store purchase of that customer, and every store purchase once per online order.
-- It also takes each line for an order, and refunds and cancelled orders as well.
with online_orders as (
    select * from {{ ref('fct_online_transactions') }}
),

store_purchases as (
    select * from {{ ref('fct_in_store_transactions') }}
),

joined_on_the_customer as (
    select
        count(*) as total_orders,
        sum(online_orders.amount + store_purchases.amount) as total_amount
    from online_orders
    inner join store_purchases on online_orders.customer_id = store_purchases.customer_id
),

each_purchase_once as (
    select
        total_orders,
        total_amount
    from {{ ref('average_order_value') }}
    where dimension = 'all'
)

select
    'channels joined on the customer' as method,
    total_orders,
    total_amount,
    {{ average_amount('total_amount', 'total_orders') }} as average_order_value
from joined_on_the_customer
union all
select
    'each purchase once, revenue only' as method,
    total_orders,
    total_amount,
    {{ average_amount('total_amount', 'total_orders') }} as average_order_value
from each_purchase_once
