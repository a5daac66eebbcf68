{#-
    A relation with one column `n` of the whole numbers from 0, at least up to `most`: whole_numbers(366) has 0 to 999.
-#}
{% macro whole_numbers(most) -%}
    {{ return(adapter.dispatch('whole_numbers')(most | string | length)) }}
{%- endmacro %}


{% macro duckdb__whole_numbers(digits) -%}
    (select range as n from range({{ 10 ** digits }})) as whole_numbers
{%- endmacro %}


{% macro sqlserver__whole_numbers(digits) -%}
    (
        select
            {%- for power in range(digits) %}
            {{ '+ ' if not loop.first }}d{{ power }}.n * {{ 10 ** power }}
            {%- endfor %} as n
        from
            {%- for power in range(digits) %}
            {{ 'cross join ' if not loop.first }}(
                values (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)
            ) as d{{ power }} (n)
            {%- endfor %}
    ) as whole_numbers
{%- endmacro %}


{% macro synapse__whole_numbers(digits) -%}
    {{ return(sqlserver__whole_numbers(digits)) }}
{%- endmacro %}
