{{ deduplicate_staged('products') }}
