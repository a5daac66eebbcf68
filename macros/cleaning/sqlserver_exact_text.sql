{#-
    T-SQL: a text that LIKE and = compare by code point and to its last character, whatever collation the database has. In
    others [0-9] finds ² and １ too, and LIKE on varchar skips spaces at the end.
-#}
{% macro sqlserver_exact_text(text) -%}
    {{ return(adapter.dispatch('exact_text')(text)) }}
{%- endmacro %}


{% macro default__exact_text(text) -%}
    cast({{ text }} as nvarchar(4000)) collate Latin1_General_100_BIN2
{%- endmacro %}


{% macro synapse__exact_text(text) -%}
    {{ return(default__exact_text(text)) }}
{%- endmacro %}


{#- A Warehouse's own collation does so, and patterns are national texts. -#}
{% macro fabric__exact_text(text) -%}
    cast({{ text }} as varchar(8000))
{%- endmacro %}
