with loyalty_transactions as (
    select * from {{ ref('loyalty_transactions') }}
),

loyalty_accounts as (
    select loyalty_id from {{ ref('dim_loyalty_accounts') }}
)

select
    coalesce(loyalty_accounts.loyalty_id, -1) as loyalty_id,
    cast({{ date_key('loyalty_transactions.transacted_at') }} as {{ engine_type('integer') }}) as date_key,
    loyalty_transactions.transacted_at,
    loyalty_transactions.points_change,
    loyalty_transactions.reason,
    loyalty_transactions.loyalty_id as source_loyalty_id
from loyalty_transactions
left join loyalty_accounts on loyalty_transactions.loyalty_id = loyalty_accounts.loyalty_id
