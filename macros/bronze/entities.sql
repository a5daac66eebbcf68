{#- The nine entities, in the order in which they load without breaking a foreign key. -#}
{% macro entities() %}
    {{ return([
        'customers',
        'products',
        'stores',
        'agents',
        'loyalty_accounts',
        'online_transactions',
        'in_store_transactions',
        'customer_service_interactions',
        'loyalty_transactions',
    ]) }}
{% endmacro %}
