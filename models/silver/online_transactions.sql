{{ deduplicate_staged('online_transactions') }}
