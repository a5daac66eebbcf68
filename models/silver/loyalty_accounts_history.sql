{{ config(incremental_strategy='by_key') }}
-- What loyalty accounts were from when to when, by the rows of stg_loyalty_accounts, whenever they arrived.
{{ history_of('loyalty_accounts') }}
