{{ stage_bronze('loyalty_transactions') }}
