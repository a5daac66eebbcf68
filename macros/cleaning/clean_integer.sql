{#-
    A trimmed text as bigint: an optional sign and digits, maybe a fraction of zeros (1001.0, as spreadsheets and data
    frames write it), within the type's range; anything else is null, though engines would cast some of it (12.5, 1e3).
    An apostrophe before it, as spreadsheets keep a text of digits, is looked through. Example: clean_integer('order_id')
-#}
{% macro clean_integer(text) -%}
    {{ return(adapter.dispatch('clean_integer')(text)) }}
{%- endmacro %}


{% macro duckdb__clean_integer(text) -%}
    {%- set form = '[+-]?[0-9]+([.]0+)?' -%}
    case
        when regexp_full_match({{ text }}, '{{ form }}') then try_cast(split_part({{ text }}, '.', 1) as bigint)
        when regexp_full_match({{ text }}, '''{{ form }}') then try_cast(split_part(substring({{ text }}, 2), '.', 1) as bigint)
    end
{%- endmacro %}


{#- T-SQL casts a text without digits to 0, so there has to be one. -#}
{% macro sqlserver__clean_integer(text) -%}
    (
        select
            case
                when
                    number.whole like N'[0-9]%' and number.whole not like N'%[^0-9]%'
                    and (
                        number.fraction = N''
                        or (number.fraction like N'.0%' and substring(number.fraction, 2, 4000) not like N'%[^0]%')
                    )
                    then try_cast(concat(number.minus, N'0', {{ sqlserver_without_leading_zeros('number.whole') }}) as bigint)
            end
        from (
            select
                signed.minus,
                left(signed.number, charindex(N'.', concat(signed.number, N'.')) - 1) as whole,
                substring(signed.number, charindex(N'.', concat(signed.number, N'.')), 4000) as fraction
            from {{ sqlserver_signed(text) }} as signed
        ) as number
    )
{%- endmacro %}


{% macro fabric__clean_integer(text) -%}
    {{ return(sqlserver__clean_integer(text)) }}
{%- endmacro %}
