{#- A text literal: sql_text("O'Brien") is 'O''Brien'. -#}
{% macro sql_text(value) -%}
    {{ return("'" ~ value | replace("'", "''") ~ "'") }}
{%- endmacro %}
