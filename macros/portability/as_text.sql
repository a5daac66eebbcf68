{#- A value as text of any length. Example: as_text('customer_id') -#}
{% macro as_text(value) -%}
    cast({{ value }} as {{ engine_type('varchar(8000)') }})
{%- endmacro %}
