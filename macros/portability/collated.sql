{#-
    A text, or the type of a text column, that compares by code point whatever collation the database has. What a model
    writes out as a literal and others join or unite with what is stored needs it; T-SQL gets the literal as national text,
    which what is stored is. Example: collated("'online'") as channel
-#}
{% macro collated(text) -%}
    {{ return(adapter.dispatch('collated')(text)) }}
{%- endmacro %}


{% macro duckdb__collated(text) -%}
    {{ return(text) }}
{%- endmacro %}


{% macro sqlserver__collated(text) -%}
    {{ return(('N' if text.startswith("'") else '') ~ text ~ ' collate Latin1_General_100_BIN2') }}
{%- endmacro %}


{#- A Warehouse has such a collation itself, which every build looks at (create_bronze_relations), and no national text. -#}
{% macro fabric__collated(text) -%}
    {{ return(text) }}
{%- endmacro %}


{% macro synapse__collated(text) -%}
    {{ return(sqlserver__collated(text)) }}
{%- endmacro %}
