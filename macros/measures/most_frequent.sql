{#-
    The select of one row per key with the value of an attribute that most purchases have, then that of the highest amount,
    then the first by name; where the attribute is null does not count, nor does what only refunds have.
    `totals` is a relation of purchase_totals by key and attribute.
    Example: most_frequent('category_totals', 'customer_id', 'category')
-#}
{% macro most_frequent(totals, key, attribute) -%}
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
        from {{ totals }}
        where total_orders > 0 and {{ attribute }} is not null
    ) as ranked
    where place = 1
{%- endmacro %}
