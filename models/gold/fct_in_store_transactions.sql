with in_store_transactions as (
    select * from {{ ref('in_store_transactions') }}
),

customers as (
    select customer_id from {{ ref('dim_customers') }}
),

stores as (
    select store_id from {{ ref('dim_stores') }}
)

select
    in_store_transactions.transaction_id,
    coalesce(customers.customer_id, -1) as customer_id,
    coalesce(stores.store_id, -1) as store_id,
    cast({{ date_key('in_store_transactions.purchased_at') }} as {{ engine_type('integer') }}) as date_key,
    in_store_transactions.purchased_at,
    in_store_transactions.amount,
    in_store_transactions.payment_method,
    in_store_transactions.customer_id as source_customer_id,
    in_store_transactions.store_id as source_store_id
from in_store_transactions
left join customers on in_store_transactions.customer_id = customers.customer_id
left join stores on in_store_transactions.store_id = stores.store_id
