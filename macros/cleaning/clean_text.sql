{#- A trimmed text cut to a number of characters; null when blank. Example: clean_text('category', 50) -#}
{% macro clean_text(text, length) -%}
    {{ return(adapter.dispatch('clean_text')(text, length)) }}
{%- endmacro %}


{% macro duckdb__clean_text(text, length) -%}
    left(nullif({{ text }}, ''), {{ length }})
{%- endmacro %}


{#- Collations named _SC count characters; the others count UTF-16 units and could cut through one. -#}
{% macro sqlserver__clean_text(text, length) -%}
    cast(
        left(cast(nullif({{ text }}, N'') as nvarchar(4000)) collate Latin1_General_100_CI_AS_SC, {{ length }})
        collate database_default as {{ engine_type('varchar(' ~ length ~ ')') }}
    )
{%- endmacro %}


{% macro synapse__clean_text(text, length) -%}
    {{ return(sqlserver__clean_text(text, length)) }}
{%- endmacro %}
