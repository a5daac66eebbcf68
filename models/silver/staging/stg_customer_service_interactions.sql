{{ stage_bronze('customer_service_interactions', enumerations={'resolution_status': ref('resolution_statuses')}) }}
