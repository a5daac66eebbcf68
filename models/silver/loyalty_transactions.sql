{{ deduplicate_staged('loyalty_transactions') }}
