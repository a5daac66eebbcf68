with in_store_transactions as (
    select * from {{ rows_to_build(ref('in_store_transactions')) }}
),

customers as (
    {{ known_keys(ref('dim_customers'), 'customer_id', 'customers', 'in_store_transactions') }}
),

stores as (
    {{ known_keys(ref('dim_stores'), 'store_id', 'stores', 'in_store_transactions') }}
)

select
    in_store_transactions.transaction_id,
    in_store_transactions.line_number,
    coalesce(customers.customer_id, {{ unknown_key('customers') }}) as customer_id,
    coalesce(stores.store_id, {{ unknown_key('stores') }}) as store_id,
    cast({{ date_key('in_store_transactions.purchased_at') }} as {{ engine_type('integer') }}) as date_key,
    in_store_transactions.purchased_at,
    {{
        time_is_plausible('in_store_transactions.purchased_at', 'in_store_transactions._batch_id')
    }} as time_is_plausible,
    in_store_transactions.amount,
    in_store_transactions.payment_method,
    in_store_transactions.source_amount,
    in_store_transactions.source_currency,
    in_store_transactions.customer_id as source_customer_id,
    in_store_transactions.store_id as source_store_id,
    in_store_transactions._batch_id
from in_store_transactions
left join customers on in_store_transactions.customer_id = customers.customer_id
left join stores on in_store_transactions.store_id = stores.store_id
