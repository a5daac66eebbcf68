{#-
    A key in the one type that holds the keys of several entities, so that they can stand in one column: text where any of
    them has text for keys. Example: cast_key('orders.order_id', 'online_transactions, in_store_transactions')
-#}
{% macro cast_key(key, entities) -%}
    {%- set type = 'key(' ~ entities ~ ')' -%}
    {%- set value = 'cast(' ~ key ~ ' as ' ~ engine_type(type) ~ ')' -%}
    {{ return(collated(value) if contract_type(type).startswith('varchar') else value) }}
{%- endmacro %}
