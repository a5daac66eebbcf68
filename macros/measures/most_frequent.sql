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
            select
                {{ key }},
                {{ attribute }},
                {{ purchase_count() }} as total_orders,
                sum(amount) as total_amount
            from {{ purchases }}
            where {{ attribute }} is not null
            group by {{ key }}, {{ attribute }}
        ) as counted
        where total_orders > 0
    ) as ranked
    where place = 1
{%- endmacro %}
