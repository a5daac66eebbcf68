{{ deduplicate_staged('stores') }}
