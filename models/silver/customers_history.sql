{{ config(incremental_strategy='by_key') }}
-- What customers were from when to when, by the rows of stg_customers, whenever they arrived.
{{ history_of('customers') }}
