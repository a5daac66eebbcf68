{{ deduplicate_staged('customer_service_interactions') }}
