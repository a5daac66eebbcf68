with online_orders as (
    select * from {{ ref('fct_online_transactions') }}
    where counts_as_revenue = 1
),

store_purchases as (
    select * from {{ ref('fct_in_store_transactions') }}
),

products as (
    select * from {{ ref('dim_products') }}
),

stores as (
    select * from {{ ref('dim_stores') }}
)

select
    {{ collated("'online'") }} as channel,
    online_orders.order_id as reference_id,
    online_orders.customer_id,
    online_orders.ordered_at as purchased_at,
    online_orders.amount,
    online_orders.payment_method,
    online_orders.product_id,
    products.category,
    cast(null as {{ engine_type('bigint') }}) as store_id,
    cast(null as {{ engine_type('varchar(100)') }}) as location
from online_orders
inner join products on online_orders.product_id = products.product_id
union all
select
    {{ collated("'in_store'") }} as channel,
    store_purchases.transaction_id as reference_id,
    store_purchases.customer_id,
    store_purchases.purchased_at,
    store_purchases.amount,
    store_purchases.payment_method,
    cast(null as {{ engine_type('bigint') }}) as product_id,
    cast(null as {{ engine_type('varchar(50)') }}) as category,
    store_purchases.store_id,
    stores.location
from store_purchases
inner join stores on store_purchases.store_id = stores.store_id
