{{ stage_bronze('stores') }}
