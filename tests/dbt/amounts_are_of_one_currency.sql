-- Amounts of different currencies cannot be added up. Where no reporting currency is set, that of the data is it, and
-- there is one. Set var reporting_currency, and have the others' rates in seed exchange_rates.
with currencies as (
    select source_currency from {{ ref('online_transactions') }}
    union
    select source_currency from {{ ref('in_store_transactions') }}
),

unconverted as (
    select source_currency
    from currencies
    where
        source_currency is not null
        and source_currency not in (select upper(rates.currency) from {{ ref('exchange_rates') }} as rates)
)

select
    min(source_currency) as one_currency,
    max(source_currency) as another_currency
from unconverted
having
    {{ '1 = 0' if var('reporting_currency') else '1 = 1' }}
    and count(*) > 1
