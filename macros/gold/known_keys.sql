{#-
    The select of the keys of a dimension that a fact may point to: all but those that are declared to stand for nobody, in the
    entity of the dimension or in that of the fact. `dimension` is the relation, `key` its column, `entity` what it has.
    Example: known_keys(ref('dim_customers'), 'customer_id', 'customers', 'online_transactions')
-#}
{% macro known_keys(dimension, key, entity, fact) -%}
    {%- set type = 'key(loyalty_accounts, loyalty_transactions)' if entity == 'loyalty_accounts' else 'key(' ~ entity ~ ')' -%}
    select members.{{ key }}
    from {{ dimension }} as members
    where members.{{ key }} not in (
        select declared.{{ key }}
        from (
            select {{ clean_raw('unknown_keys.key_value', type) }} as {{ key }}
            from {{ ref('unknown_keys') }} as unknown_keys
            where unknown_keys.entity in ('{{ entity }}', '{{ fact }}')
        ) as declared
        where declared.{{ key }} is not null
    )
{%- endmacro %}
