{#-
    A text as it came that could not be read, for people to look at: trimmed, cut, null when blank or a null word, which
    are nothing to read. Example: unreadable_text('"Price"')
-#}
{% macro unreadable_text(text) -%}
    {{ return(clean_raw(text, 'varchar(255)')) }}
{%- endmacro %}
