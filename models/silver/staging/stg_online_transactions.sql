{{
    stage_bronze('online_transactions', enumerations={
        'payment_method': ref('payment_methods'),
        'status': ref('order_statuses'),
    })
}}
