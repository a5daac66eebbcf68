{{ config(incremental_strategy='by_key') }}
-- The good rows of stg_stores, of each key those of its newest delivery: file by file and pull by pull, the newest
-- wins.
{{ deduplicate_staged('stores') }}
