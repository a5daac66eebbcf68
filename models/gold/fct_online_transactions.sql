with online_transactions as (
    select * from {{ ref('online_transactions') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }}
),

products as (
    select product_id from {{ ref('dim_products') }}
),

order_statuses as (
    select
        status,
        counts_as_revenue
    from {{ ref('order_statuses') }}
)

select
    online_transactions.order_id,
    coalesce(customers.customer_id, -1) as customer_id,
    coalesce(products.product_id, -1) as product_id,
    cast({{ date_key('online_transactions.ordered_at') }} as {{ engine_type('integer') }}) as date_key,
    online_transactions.ordered_at,
    online_transactions.payment_method,
    online_transactions.amount,
    online_transactions.status,
    coalesce(order_statuses.counts_as_revenue, cast(1 as {{ engine_type('boolean') }})) as counts_as_revenue,
    online_transactions.customer_id as source_customer_id,
    online_transactions.product_id as source_product_id
from online_transactions
left join customers on online_transactions.customer_id = customers.customer_id
left join products on online_transactions.product_id = products.product_id
left join order_statuses on online_transactions.status = order_statuses.status
