{#- A relation with one column `n` of the whole numbers from 0 to 9,999,999: days enough for any calendar. -#}
{% macro whole_numbers() -%}
    {{ return(adapter.dispatch('whole_numbers')()) }}
{%- endmacro %}


{% macro duckdb__whole_numbers() -%}
    (select range as n from range(10000000)) as whole_numbers
{%- endmacro %}


{% macro sqlserver__whole_numbers() -%}
    (
        select
            {%- for power in range(7) %}
            {{ '+ ' if not loop.first }}d{{ power }}.n * {{ 10 ** power }}
            {%- endfor %} as n
        from
            {%- for power in range(7) %}
            {{ 'cross join ' if not loop.first }}(
                values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
            ) as d{{ power }} (n)
            {%- endfor %}
    ) as whole_numbers
{%- endmacro %}


{% macro synapse__whole_numbers() -%}
    {{ return(sqlserver__whole_numbers()) }}
{%- endmacro %}
