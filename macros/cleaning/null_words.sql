{#-
    The null words (var null_words) that a value of a contract type could be: without a digit nothing is read as a number
    or a time. Example: null_words('bigint')
-#}
{% macro null_words(data_type) -%}
    {%- set is_text = contract_type(data_type).startswith('varchar') -%}
    {%- set words = [] -%}
    {%- for word in var('null_words') if is_text or modules.re.search('[0-9]', word | string) -%}
        {%- do words.append(word | string | trim) -%}
    {%- endfor -%}
    {{ return(words) }}
{%- endmacro %}
