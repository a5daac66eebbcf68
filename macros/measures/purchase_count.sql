{#- order_count over both channels, whose orders can have the same keys. -#}
{% macro purchase_count() -%}
    ({{ order_count("channel = 'online'") }} + {{ order_count("channel = 'in_store'") }})
{%- endmacro %}
