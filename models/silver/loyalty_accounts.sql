{{ deduplicate_staged('loyalty_accounts') }}
