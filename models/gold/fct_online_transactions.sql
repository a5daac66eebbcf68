with online_transactions as (
    select * from {{ rows_to_build(ref('online_transactions')) }}
),

customers as (
    {{ known_keys(ref('dim_customers'), 'customer_id', 'customers', 'online_transactions') }}
),

products as (
    {{ known_keys(ref('dim_products'), 'product_id', 'products', 'online_transactions') }}
),

order_statuses as (
    select
        status,
        counts_as_revenue
    from {{ ref('order_statuses') }}
)

select
    online_transactions.order_id,
    online_transactions.line_number,
    coalesce(customers.customer_id, {{ unknown_key('customers') }}) as customer_id,
    coalesce(products.product_id, {{ unknown_key('products') }}) as product_id,
    cast({{ date_key('online_transactions.ordered_at') }} as {{ engine_type('integer') }}) as date_key,
    online_transactions.ordered_at,
    {{ time_is_plausible('online_transactions.ordered_at', 'online_transactions._batch_id') }} as time_is_plausible,
    online_transactions.payment_method,
    online_transactions.amount,
    online_transactions.status,
    coalesce(order_statuses.counts_as_revenue, cast(1 as {{ engine_type('boolean') }})) as counts_as_revenue,
    online_transactions.source_amount,
    online_transactions.source_currency,
    online_transactions.customer_id as source_customer_id,
    online_transactions.product_id as source_product_id,
    online_transactions._batch_id
from online_transactions
left join customers on online_transactions.customer_id = customers.customer_id
left join products on online_transactions.product_id = products.product_id
left join order_statuses on online_transactions.status = order_statuses.status
