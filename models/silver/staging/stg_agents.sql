{{ stage_bronze('agents') }}
