{#-
    The select of purchases of both channels, a row a line: of `orders` those that count as revenue, and `visits`, with what
    `products` and `stores` say of what was bought, and where. They are relations with the columns of the facts and dimensions.
    Example: purchases_of(ref('fct_online_transactions'), ref('fct_in_store_transactions'), ref('dim_products'), ref('dim_stores'))
-#}
{% macro purchases_of(orders, visits, products, stores) -%}
with online_orders as (
    select * from {{ orders }}
    where counts_as_revenue = 1
),

store_purchases as (
    select * from {{ visits }}
),

-- Orders of several lines have a second one. Where none has, finding that out costs next to nothing. They are asked
-- for by IN: DuckDB 2.0 takes sums over a left join with what it knows to be empty for 0 where it compares them.
orders_of_lines as (
    select order_id from {{ orders }}
    where line_number = 2
),

purchases_of_lines as (
    select transaction_id from {{ visits }}
    where line_number = 2
),

products as (
    select * from {{ products }}
),

stores as (
    select * from {{ stores }}
),

both_channels as (
    select
        {{ collated("'online'") }} as channel,
        {{ cast_key('online_orders.order_id', 'online_transactions, in_store_transactions') }} as reference_id,
        online_orders.line_number,
        case
            when online_orders.order_id in (select orders_of_lines.order_id from orders_of_lines) then 0 else 1
        end as has_one_line,
        online_orders.customer_id,
        online_orders.ordered_at as purchased_at,
        online_orders.time_is_plausible,
        online_orders.amount,
        online_orders.payment_method,
        online_orders.product_id,
        products.category,
        cast(null as {{ engine_type('key(stores)') }}) as store_id,
        cast(null as {{ engine_type('varchar(100)') }}) as location
    from online_orders
    inner join products on online_orders.product_id = products.product_id
    union all
    select
        {{ collated("'in_store'") }} as channel,
        {{ cast_key('store_purchases.transaction_id', 'online_transactions, in_store_transactions') }} as reference_id,
        store_purchases.line_number,
        case
            when store_purchases.transaction_id in (select purchases_of_lines.transaction_id from purchases_of_lines)
                then 0
            else 1
        end as has_one_line,
        store_purchases.customer_id,
        store_purchases.purchased_at,
        store_purchases.time_is_plausible,
        store_purchases.amount,
        store_purchases.payment_method,
        cast(null as {{ engine_type('key(products)') }}) as product_id,
        cast(null as {{ engine_type('varchar(50)') }}) as category,
        store_purchases.store_id,
        stores.location
    from store_purchases
    inner join stores on store_purchases.store_id = stores.store_id
)

select
    cast(channel as {{ engine_type('varchar(10)') }}) as channel,
    reference_id,
    line_number,
    cast(has_one_line as {{ engine_type('boolean') }}) as has_one_line,
    customer_id,
    purchased_at,
    time_is_plausible,
    amount,
    payment_method,
    product_id,
    category,
    store_id,
    location
from both_channels
{%- endmacro %}
