{#-
    T-SQL: a row of a text that may be a number: `minus` is - or nothing, `number` the text without its sign and without an
    apostrophe before it. Example: select signed.number from sqlserver_signed('amount') as signed
-#}
{% macro sqlserver_signed(text) -%}
    (
        select
            case when bare.value like N'-%' then N'-' else N'' end as minus,
            case when left(bare.value, 1) in (N'+', N'-') then substring(bare.value, 2, 4000) else bare.value end as number
        from (select {{ sqlserver_exact_text(text) }} as value) as given
        cross apply (
            select case when given.value like N'''%' then substring(given.value, 2, 4000) else given.value end as value
        ) as bare
    )
{%- endmacro %}
