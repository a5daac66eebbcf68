{#- Amount divided by a number of purchases, decimal(18,2), rounded half away from zero; null without purchases. -#}
{% macro average_amount(amount, purchases) -%}
    {{ divide(amount, purchases, scale=2, numerator_scale=2) }}
{%- endmacro %}
