{#-
    The select of one row per key with the value of an attribute that occurs in most rows, then for the highest amount,
    then the first by name; rows where the attribute is null do not count.
    Example: most_frequent('purchases', 'customer_id', 'category')
-#}
{% macro most_frequent(relation, key, attribute) -%}
    select
        {{ key }},
        {{ attribute }}
    from (
        select
            {{ key }},
            {{ attribute }},
            row_number() over (
                partition by {{ key }}
                order by count(*) desc, sum(amount) desc, {{ attribute }}
            ) as place
        from {{ relation }}
        where {{ attribute }} is not null
        group by {{ key }}, {{ attribute }}
    ) as ranked
    where place = 1
{%- endmacro %}
