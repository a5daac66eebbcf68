-- Every row of bronze.online_transactions once: values trimmed, typed by this model's columns in _silver__models.yml
-- and brought to their canonical spelling, amounts to the reporting currency, and, where a row cannot be used, why.
{{
    stage_bronze(
        'online_transactions',
        enumerations={'payment_method': ref('payment_methods'), 'status': ref('order_statuses')},
        other_words=ref('other_words'),
        exchange_rates=ref('exchange_rates')
    )
}}
