{#- How many characters a text has. Example: text_length('email') -#}
{% macro text_length(text) -%}
    {{ return(adapter.dispatch('text_length')(text)) }}
{%- endmacro %}


{% macro duckdb__text_length(text) -%}
    length({{ text }})
{%- endmacro %}


{#- Collations named _SC count characters, the others UTF-16 units. -#}
{% macro sqlserver__text_length(text) -%}
    len({{ text }} collate Latin1_General_100_CI_AS_SC)
{%- endmacro %}


{% macro synapse__text_length(text) -%}
    {{ return(sqlserver__text_length(text)) }}
{%- endmacro %}


{% macro fabric__text_length(text) -%}
    len({{ text }} collate Latin1_General_100_CI_AS_KS_WS_SC_UTF8)
{%- endmacro %}
