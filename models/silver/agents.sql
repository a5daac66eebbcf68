{{ deduplicate_staged('agents') }}
