{#-
    A trimmed text as a decimal, rounded half away from zero: an optional sign, digits and at most one point with a digit
    on at least one side of it; anything else, and what is too large for the type, is null. An apostrophe before it, as
    spreadsheets keep a text of digits, is looked through. Example: clean_number('amount', 'decimal(18,2)')
-#}
{% macro clean_number(text, data_type) -%}
    {{ return(adapter.dispatch('clean_number')(text, data_type)) }}
{%- endmacro %}


{% macro duckdb__clean_number(text, data_type) -%}
    {%- set form = '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)' -%}
    case
        when regexp_full_match({{ text }}, '{{ form }}') then try_cast({{ text }} as {{ data_type }})
        when regexp_full_match({{ text }}, '''{{ form }}') then try_cast(substring({{ text }}, 2) as {{ data_type }})
    end
{%- endmacro %}


{#-
    T-SQL casts at most 38 digits, zeros included, so the text is cut after the type's last decimal and without its leading
    zeros; the digit after the cut decides on the rounding.
-#}
{% macro sqlserver__clean_number(text, data_type) -%}
    {%- set scale = data_type[8:-1].split(',')[1] | int -%}
    {%- set step = '%.*f' % (scale, 10 ** -scale) -%}
    (
        select
            try_cast(
                try_cast(
                    concat(
                        number.minus, N'0', {{ sqlserver_without_leading_zeros('number.whole') }},
                        N'.', left(number.decimals, {{ scale }})
                    ) as {{ data_type }}
                )
                + case
                    when substring(number.decimals, {{ scale + 1 }}, 1) < N'5' then 0
                    when number.minus = N'-' then -{{ step }}
                    else {{ step }}
                end as {{ data_type }}
            )
        from (
            select
                signed.minus,
                left(signed.number, charindex(N'.', concat(signed.number, N'.')) - 1) as whole,
                concat(
                    substring(signed.number, charindex(N'.', concat(signed.number, N'.')) + 1, 4000), N'{{ '0' * (scale + 1) }}'
                ) as decimals
            from {{ sqlserver_signed(text) }} as signed
            where
                signed.number like N'%[0-9]%'
                and signed.number not like N'%[^0-9.]%'
                and signed.number not like N'%.%.%'
        ) as number
    )
{%- endmacro %}


{% macro fabric__clean_number(text, data_type) -%}
    {{ return(sqlserver__clean_number(text, data_type)) }}
{%- endmacro %}
