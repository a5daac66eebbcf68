{#-
    The select of the purchases of each group of `columns`: `total_orders`, `total_amount`, and what `further` names. An order
    counts once, however many of its lines are in the group, and only if one of them is not negative, since a refund is no
    order. `purchases` is a relation with the columns of marts.purchases, of which rows of `channel`, if one is given, are
    looked at; `further` maps a name to the function and the expression of another aggregate. Orders of one line, most of
    all, are counted without being told apart.
    Example: purchase_totals('purchases', ['customer_id'], {'last_purchase_at': ('max', 'purchased_at')})
-#}
{% macro purchase_totals(purchases, columns, further={}, channel=none) -%}
    {%- set of_channel = " and channel = '" ~ channel ~ "'" if channel else '' -%}
    select
        {{ columns | join(',\n        ') }},
        sum(orders) as total_orders,
        {%- for name, (function, _) in further.items() %}
        {{ function }}({{ name }}) as {{ name }},
        {%- endfor %}
        cast(sum(amount) as decimal(18, 2)) as total_amount
    from (
        select
            {{ columns | join(',\n            ') }},
            case when amount >= 0 then 1 else 0 end as orders,
            {%- for name, (_, expression) in further.items() %}
            {{ expression }} as {{ name }},
            {%- endfor %}
            amount
        from {{ purchases }}
        where has_one_line = 1{{ of_channel }}
        union all
        select
            {{ columns | join(',\n            ') }},
            max(case when amount >= 0 then 1 else 0 end) as orders,
            {%- for name, (function, expression) in further.items() %}
            {{ function }}({{ expression }}) as {{ name }},
            {%- endfor %}
            sum(amount) as amount
        from {{ purchases }}
        where has_one_line = 0{{ of_channel }}
        group by {{ (columns + ['channel'] if 'channel' not in columns else columns) | join(', ') }}, reference_id
    ) as orders
    group by {{ columns | join(', ') }}
{%- endmacro %}
