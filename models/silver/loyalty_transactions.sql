{{ config(incremental_strategy='by_key') }}
-- The good rows of stg_loyalty_transactions, of each key those of its newest delivery: file by file and pull by pull,
-- the newest wins.
{{ deduplicate_staged('loyalty_transactions') }}
