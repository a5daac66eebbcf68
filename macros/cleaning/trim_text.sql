{#- A text without spaces, tabs, line breaks and no-break spaces around it. Example: trim_text('"Name"') -#}
{% macro trim_text(text) -%}
    {{ return(adapter.dispatch('trim_text')(text)) }}
{%- endmacro %}


{#- Hardly any value needs it, and the test for it is four times as fast as trimming. -#}
{% macro duckdb__trim_text(text) -%}
    case
        when {{ duckdb_is_padded(text) }}
            then trim({{ text }}, concat(' ', chr(9), chr(10), chr(13), chr(160)))
        else {{ text }}
    end
{%- endmacro %}


{% macro sqlserver__trim_text(text) -%}
    trim(concat(N' ', nchar(9), nchar(10), nchar(13), nchar(160)) from {{ text }})
{%- endmacro %}


{% macro fabric__trim_text(text) -%}
    {{ return(sqlserver__trim_text(text)) }}
{%- endmacro %}
