{#-
    The select of one row per key with the value of an attribute that most purchases have, then that of the highest amount,
    then the first by name; rows where the attribute is null do not count, nor do values that only refunds have.
    `purchases` is a relation with the columns of marts.purchases.
    Example: most_frequent('purchases', 'customer_id', 'category')
-#}
{% macro most_frequent(purchases, key, attribute) -%}
    select
        {{ key }},
        {{ attribute }}
    from (
        select
            {{ key }},
            {{ attribute }},
            row_number() over (
                partition by {{ key }}
                order by total_orders desc, total_amount desc, {{ attribute }}
            ) as place
        from (
            {{ purchase_totals(purchases, [key, attribute]) | indent(8) }}
        ) as counted
        where total_orders > 0 and {{ attribute }} is not null
    ) as ranked
    where place = 1
{%- endmacro %}
