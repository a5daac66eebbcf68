{#-
    A trimmed text as a value of a contract type, or null when it is blank, a null word (var null_words) or none: see
    clean_integer, clean_number, clean_datetime, clean_text, clean_key. Example: clean_value('amount', 'decimal(18,2)')
-#}
{% macro clean_value(text, data_type) -%}
    {%- if data_type.startswith('key(') -%}
        {%- set value = clean_key(text, contract_type(data_type)) -%}
    {%- elif data_type.startswith('varchar') -%}
        {%- set value = clean_text(text, data_type[8:-1]) -%}
    {%- elif data_type.startswith('decimal') -%}
        {%- set value = clean_number(text, data_type) -%}
    {%- elif data_type == 'timestamp' -%}
        {%- set value = clean_datetime(text) -%}
    {%- elif data_type == 'date' -%}
        {%- set value = 'cast(' ~ clean_datetime(text) ~ ' as date)' -%}
    {%- elif data_type == 'bigint' -%}
        {%- set value = clean_integer(text) -%}
    {%- else -%}
        {{ exceptions.raise_compiler_error('clean_value: no rule for type ' ~ data_type) }}
    {%- endif -%}
    {%- set words = null_words(data_type) -%}
    {{ return('case when not ' ~ is_null_word(text, words) ~ ' then ' ~ value ~ ' end' if words else value) }}
{%- endmacro %}
