{#-
    The fraction of a second of a time: of a text as it came that clean_raw reads as one, the digits of its fraction
    without zeros at their end; an empty text when it has none. Example: moment_fraction('"DateTime"')
-#}
{% macro moment_fraction(text) -%}
    {{ return(adapter.dispatch('moment_fraction')(text)) }}
{%- endmacro %}


{% macro duckdb__moment_fraction(text) -%}
    case
        when contains({{ text }}, '.')
            then rtrim(regexp_extract({{ text }}, '^[^0-9]*[0-9]{4}[-/].*:[0-9]{2}:[0-9]{2}[.]([0-9]+)', 1), '0')
        else ''
    end
{%- endmacro %}


{#- The digits from behind, without the zeros that they begin with then. -#}
{% macro sqlserver__moment_fraction(text) -%}
    (
        select reverse({{ sqlserver_without_leading_zeros('reverse(' ~ "left(rest.value, patindex(N'%[^0-9]%', concat(rest.value, N' ')) - 1)" ~ ')') }})
        from (select {{ sqlserver_exact_text(trim_text(text)) }} as value) as given
        cross apply (
            select
                case
                    when given.value like N'[0-9][0-9][0-9][0-9][-/]%:[0-9][0-9]:[0-9][0-9].[0-9]%'
                        then substring(given.value, patindex(N'%:[0-9][0-9]:[0-9][0-9].[0-9]%', given.value) + 7, 4000)
                    else N''
                end as value
        ) as rest
    )
{%- endmacro %}


{% macro fabric__moment_fraction(text) -%}
    {{ return(sqlserver__moment_fraction(text)) }}
{%- endmacro %}
