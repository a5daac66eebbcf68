{#-
    The select of the customers whose totals may have changed after the versions of the models that totals are made from: those whose rows came or went in a
    fact, and those who bought what is sold in another category now, or in a store that is elsewhere.
-#}
{% macro touched_customers(since) -%}
    {{ return(adapter.dispatch('touched_customers')(since)) }}
{%- endmacro %}


{% macro default__touched_customers(since) -%}
    {%- set type = engine_type('key(customers)') -%}
    {%- for relation, version in since.items() -%}
    select try_cast(changed_key as {{ type }}) as customer_id
    from {{ changes_relation() }}
    where relation = {{ sql_text(relation) }} and version > {{ sql_text(version) }} and change = 'customer'
    union
    {% endfor -%}
    select customer_id
    from {{ relation_of('fct_online_transactions') }}
    where product_id in ({{ members_changed('dim_products', 'product_id', since.dim_products, ['changed']) }})
    union
    select customer_id
    from {{ relation_of('fct_in_store_transactions') }}
    where store_id in ({{ members_changed('dim_stores', 'store_id', since.dim_stores, ['changed']) }})
{%- endmacro %}
