{#-
    A trimmed text as a value of a contract type, or null when it is blank or none: see clean_integer, clean_number,
    clean_datetime, clean_text. Example: clean_value('amount', 'decimal(10,2)')
-#}
{% macro clean_value(text, data_type) -%}
    {%- if data_type.startswith('varchar') -%}
        {{ return(clean_text(text, data_type[8:-1])) }}
    {%- elif data_type.startswith('decimal') -%}
        {{ return(clean_number(text, data_type)) }}
    {%- elif data_type == 'timestamp' -%}
        {{ return(clean_datetime(text)) }}
    {%- elif data_type == 'date' -%}
        {{ return('cast(' ~ clean_datetime(text) ~ ' as date)') }}
    {%- elif data_type == 'bigint' -%}
        {{ return(clean_integer(text)) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error('clean_value: no rule for type ' ~ data_type) }}
{%- endmacro %}
