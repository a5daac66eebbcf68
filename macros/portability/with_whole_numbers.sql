{#-
    Joins to each row before it a row `whole_numbers.n` for each whole number from 0 to `last`, an expression of its columns;
    none where that is null. `most` is what it can be at most. The engine makes no more rows than that, however great `most` is.
    Example: from spans {{ with_whole_numbers('spans.days', 366) }}
-#}
{% macro with_whole_numbers(last, most) -%}
    {{ return(adapter.dispatch('with_whole_numbers')(last, most | string | length)) }}
{%- endmacro %}


{% macro duckdb__with_whole_numbers(last, digits) -%}
    cross join lateral (select unnest(range({{ last }} + 1)) as n) as whole_numbers
{%- endmacro %}


{% macro sqlserver__with_whole_numbers(last, digits) -%}
    cross apply (
        select top (coalesce({{ last }}, -1) + 1) cast(row_number() over (order by (select null)) - 1 as int) as n
        from
            {%- for power in range(digits) %}
            {{ 'cross join ' if not loop.first }}(
                values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
            ) as d{{ power }} (n)
            {%- endfor %}
    ) as whole_numbers
{%- endmacro %}


{% macro fabric__with_whole_numbers(last, digits) -%}
    {{ return(sqlserver__with_whole_numbers(last, digits)) }}
{%- endmacro %}
