{#- How many different values a column has, and one of them, as text: `3 values, such as Annulé`. -#}
{% macro some_values(column) -%}
    concat(
        cast(count(distinct {{ column }}) as {{ engine_type('varchar(20)') }}),
        case when count(distinct {{ column }}) = 1 then ' value: ' else ' values, such as ' end,
        min({{ column }})
    )
{%- endmacro %}
