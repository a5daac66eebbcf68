{{ stage_bronze('products') }}
