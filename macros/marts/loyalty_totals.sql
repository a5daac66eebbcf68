{#-
    The select of what the loyalty accounts of each customer, or each person, come to: `key` is customer_id or person_id, which
    `accounts` has. Example: loyalty_totals('accounts', 'person_id')
-#}
{% macro loyalty_totals(accounts, key) -%}
    select
        {{ key }},
        count(*) as loyalty_accounts,
        sum(coalesce(points_earned, 0)) as points_balance
    from {{ accounts }}
    group by {{ key }}
{%- endmacro %}
