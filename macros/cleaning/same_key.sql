{#- The condition that two relations have the same key. Example: same_key(['order_id'], 'changed', 'there') -#}
{% macro same_key(key, one, other) -%}
    {%- for column in key %}{{ ' and ' if not loop.first }}{{ one }}.{{ column }} = {{ other }}.{{ column }}{% endfor -%}
{%- endmacro %}
