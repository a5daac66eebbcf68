{#-
    T-SQL: a row of a text that may be a number: `minus` is - or nothing, `number` the text without its sign.
    Example: select signed.number from sqlserver_signed('amount') as signed
-#}
{% macro sqlserver_signed(text) -%}
    (
        select
            case when given.value like N'-%' then N'-' else N'' end as minus,
            case when left(given.value, 1) in (N'+', N'-') then substring(given.value, 2, 4000) else given.value end as number
        from (select {{ sqlserver_exact_text(text) }} as value) as given
    )
{%- endmacro %}
