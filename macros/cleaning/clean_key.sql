{#-
    A trimmed text as a key or what refers to one, of the type that contract_type gives: a whole number (clean_integer), or
    a text, which is never cut, since two keys could become one so: null when it is blank or longer than its type.
    Example: clean_key('customer_id', 'varchar(64)')
-#}
{% macro clean_key(text, data_type) -%}
    {%- if data_type == 'bigint' -%}{{ return(clean_integer(text)) }}{%- endif -%}
    {{ return(adapter.dispatch('clean_key')(text, data_type)) }}
{%- endmacro %}


{% macro duckdb__clean_key(text, data_type) -%}
    case when length({{ text }}) between 1 and {{ data_type[8:-1] }} then {{ text }} end
{%- endmacro %}


{#- Collations named _SC count characters, the others UTF-16 units. -#}
{% macro sqlserver__clean_key(text, data_type) -%}
    case
        when len(cast({{ text }} as nvarchar(4000)) collate Latin1_General_100_CI_AS_SC) between 1 and {{ data_type[8:-1] }}
            then cast({{ text }} as {{ engine_type(data_type) }})
    end
{%- endmacro %}


{% macro fabric__clean_key(text, data_type) -%}
    {{ return(sqlserver__clean_key(text, data_type)) }}
{%- endmacro %}
