{{ stage_bronze('loyalty_accounts', enumerations={'tier_level': ref('loyalty_tiers')}) }}
