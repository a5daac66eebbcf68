-- Every row of bronze.loyalty_transactions once: values trimmed and typed by this model's columns in
-- _silver__models.yml, and, where a row cannot be used, why.
{{ stage_bronze('loyalty_transactions') }}
