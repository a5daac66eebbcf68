{{ deduplicate_staged('in_store_transactions') }}
