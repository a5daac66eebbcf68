-- Every row of bronze.customer_service_interactions once: values trimmed, typed by this model's columns in
-- _silver__models.yml and brought to their canonical spelling, and, where a row cannot be used, why.
{{
    stage_bronze(
        'customer_service_interactions',
        enumerations={'resolution_status': ref('resolution_statuses')},
        other_words=ref('other_words')
    )
}}
