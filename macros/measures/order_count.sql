{#-
    Number of orders (purchases) among rows of marts.purchases: each once, however many of its lines are there, and only if
    one of them is not negative, since a refund is no order. Those of one line, most of all, are counted without being told
    apart. `condition` narrows the rows. Example: order_count("channel = 'online'")
-#}
{% macro order_count(condition=none) -%}
    {%- set and_condition = ' and ' ~ condition if condition else '' -%}
    (
        count(case when amount >= 0 and has_one_line = 1{{ and_condition }} then 1 end)
        + count(distinct case when amount >= 0 and has_one_line = 0{{ and_condition }} then reference_id end)
    )
{%- endmacro %}
