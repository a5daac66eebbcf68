with loyalty_accounts as (
    select * from {{ rows_to_build(ref('loyalty_accounts')) }}
),

customers as (
    {{ known_keys(ref('dim_customers'), 'customer_id', 'customers', 'loyalty_accounts') }}
),

accounts_of_known_customers as (
    select
        loyalty_accounts.loyalty_id,
        coalesce(customers.customer_id, {{ unknown_key('customers') }}) as customer_id,
        loyalty_accounts.points_earned,
        loyalty_accounts.tier_level,
        loyalty_accounts.join_date,
        loyalty_accounts.customer_id as source_customer_id,
        loyalty_accounts._batch_id
    from loyalty_accounts
    left join customers on loyalty_accounts.customer_id = customers.customer_id
),

unknown_member as (
    select
        {{ unknown_key('loyalty_accounts, loyalty_transactions') }} as loyalty_id,
        {{ unknown_key('customers') }} as customer_id,
        cast(null as {{ engine_type('bigint') }}) as points_earned,
        cast(null as {{ engine_type('varchar(20)') }}) as tier_level,
        cast(null as {{ engine_type('date') }}) as join_date,
        cast(null as {{ engine_type('key(customers)') }}) as source_customer_id,
        cast(null as {{ engine_type('varchar(255)') }}) as _batch_id
)

select * from accounts_of_known_customers
{%- if not is_incremental() %}
union all
select * from unknown_member
{%- endif %}
