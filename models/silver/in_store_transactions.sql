{{ config(incremental_strategy='by_key') }}
-- The good rows of stg_in_store_transactions, of each key those of its newest delivery: file by file and pull by
-- pull, the newest wins.
{{ deduplicate_staged('in_store_transactions') }}
