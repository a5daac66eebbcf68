{#- The incremental strategy of totals a customer: the rows of the customers that were touched give way to those that the model gives. -#}
{% macro get_incremental_by_customer_sql(arguments) -%}
    {%- set names = quoted_list(arguments.dest_columns | map(attribute='name')) -%}
    delete from {{ arguments.target_relation }} where customer_id in ({{ touched_customers(increment().since) }});
    insert into {{ arguments.target_relation }} ({{ names }}) select {{ names }} from {{ arguments.temp_relation }};
{%- endmacro %}
