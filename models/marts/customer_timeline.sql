with orders as (
    select
        orders.customer_id,
        orders.ordered_at as occurred_at,
        {{ collated("'online order'") }} as touchpoint,
        orders.status as event,
        orders.order_id as reference_id,
        orders.amount,
        products.product_name as detail
    from {{ ref('fct_online_transactions') }} as orders
    inner join {{ ref('dim_products') }} as products on orders.product_id = products.product_id
),

visits as (
    select
        visits.customer_id,
        visits.purchased_at as occurred_at,
        {{ collated("'store purchase'") }} as touchpoint,
        'Purchase' as event,
        visits.transaction_id as reference_id,
        visits.amount,
        stores.location as detail
    from {{ ref('fct_in_store_transactions') }} as visits
    inner join {{ ref('dim_stores') }} as stores on visits.store_id = stores.store_id
),

contacts as (
    select
        customer_id,
        interacted_at as occurred_at,
        {{ collated("'service contact'") }} as touchpoint,
        resolution_status as event,
        interaction_id as reference_id,
        cast(null as decimal(10, 2)) as amount,
        issue_type as detail
    from {{ ref('fct_service_interactions') }}
),

point_changes as (
    select
        accounts.customer_id,
        changes.transacted_at as occurred_at,
        {{ collated("'loyalty change'") }} as touchpoint,
        changes.reason as event,
        accounts.loyalty_id as reference_id,
        cast(null as decimal(10, 2)) as amount,
        concat(
            case when changes.points_change > 0 then '+' else '' end,
            cast(changes.points_change as {{ engine_type('varchar(20)') }})
        ) as detail
    from {{ ref('fct_loyalty_transactions') }} as changes
    inner join {{ ref('dim_loyalty_accounts') }} as accounts on changes.loyalty_id = accounts.loyalty_id
),

events as (
    select * from orders
    union all
    select * from visits
    union all
    select * from contacts
    union all
    select * from point_changes
)

select * from events
where customer_id <> -1
