{#-
    A trimmed text as bigint: an optional sign and digits, within the type's range; anything else is null, though engines
    would cast some of it (12.5, 1e3). Example: clean_integer('order_id')
-#}
{% macro clean_integer(text) -%}
    {{ return(adapter.dispatch('clean_integer')(text)) }}
{%- endmacro %}


{% macro duckdb__clean_integer(text) -%}
    case when regexp_full_match({{ text }}, '[+-]?[0-9]+') then try_cast({{ text }} as bigint) end
{%- endmacro %}


{#- T-SQL casts a text without digits to 0, so there has to be one. -#}
{% macro sqlserver__clean_integer(text) -%}
    (
        select
            case
                when signed.number like N'[0-9]%' and signed.number not like N'%[^0-9]%'
                    then try_cast(concat(signed.minus, N'0', {{ sqlserver_without_leading_zeros('signed.number') }}) as bigint)
            end
        from {{ sqlserver_signed(text) }} as signed
    )
{%- endmacro %}


{% macro synapse__clean_integer(text) -%}
    {{ return(sqlserver__clean_integer(text)) }}
{%- endmacro %}
