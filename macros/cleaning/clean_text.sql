{#-
    A trimmed text cut to a number of characters, without blanks that the cut leaves at its end; null when blank.
    Example: clean_text('category', 50)
-#}
{% macro clean_text(text, length) -%}
    {{ return(adapter.dispatch('clean_text')(text, length)) }}
{%- endmacro %}


{% macro duckdb__clean_text(text, length) -%}
    case
        when length({{ text }}) > {{ length }} then {{ trim_text('left(' ~ text ~ ', ' ~ length ~ ')') }}
        else nullif({{ text }}, '')
    end
{%- endmacro %}


{#- Collations named _SC count characters; the others count UTF-16 units and could cut through one. -#}
{% macro sqlserver__clean_text(text, length) -%}
    {%- set cut -%}
        left(cast(nullif({{ text }}, N'') as nvarchar(4000)) collate Latin1_General_100_CI_AS_SC, {{ length }})
    {%- endset -%}
    cast(
        {{ trim_text('(' ~ cut ~ ' collate Latin1_General_100_BIN2)') }} collate database_default
        as {{ engine_type('varchar(' ~ length ~ ')') }}
    )
{%- endmacro %}


{% macro fabric__clean_text(text, length) -%}
    {{ return(sqlserver__clean_text(text, length)) }}
{%- endmacro %}
