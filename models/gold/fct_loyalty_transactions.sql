with loyalty_transactions as (
    select * from {{ rows_to_build(ref('loyalty_transactions')) }}
),

loyalty_accounts as (
    {{ known_keys(ref('dim_loyalty_accounts'), 'loyalty_id', 'loyalty_accounts', 'loyalty_transactions') }}
)

select
    coalesce(loyalty_accounts.loyalty_id, {{ unknown_key('loyalty_accounts, loyalty_transactions') }}) as loyalty_id,
    loyalty_transactions.line_number,
    cast({{ date_key('loyalty_transactions.transacted_at') }} as {{ engine_type('integer') }}) as date_key,
    loyalty_transactions.transacted_at,
    {{
        time_is_plausible('loyalty_transactions.transacted_at', 'loyalty_transactions._batch_id')
    }} as time_is_plausible,
    loyalty_transactions.points_change,
    loyalty_transactions.reason,
    loyalty_transactions.loyalty_id as source_loyalty_id,
    loyalty_transactions._batch_id
from loyalty_transactions
left join loyalty_accounts on loyalty_transactions.loyalty_id = loyalty_accounts.loyalty_id
