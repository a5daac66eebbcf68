{{ stage_bronze('in_store_transactions', enumerations={'payment_method': ref('payment_methods')}) }}
