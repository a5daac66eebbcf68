{{ deduplicate_staged('customers') }}
