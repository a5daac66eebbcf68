{#-
    The select of what the lines after the first of each order come to: `amount` and `number_of_lines`, a row an order that
    has several. `fact` is the relation, `key` its column that names the order.
    Example: further_lines(ref('fct_online_transactions'), 'order_id')
-#}
{% macro further_lines(fact, key) -%}
    select
        {{ key }},
        sum(amount) as amount,
        count(*) as number_of_lines
    from {{ fact }}
    where line_number > 1
    group by {{ key }}
{%- endmacro %}
