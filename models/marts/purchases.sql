{{
    purchases_of(
        ref('fct_online_transactions'), ref('fct_in_store_transactions'), ref('dim_products'), ref('dim_stores')
    )
}}
