-- Every row of bronze.loyalty_accounts once: values trimmed, typed by this model's columns in _silver__models.yml and
-- brought to their canonical spelling, and, where a row cannot be used, why.
{{
    stage_bronze(
        'loyalty_accounts',
        enumerations={'tier_level': ref('loyalty_tiers')},
        other_words=ref('other_words')
    )
}}
