{{ stage_bronze('customers') }}
