{#- The day of a date or time as a whole number, YYYYMMDD: the key of dim_dates. -#}
{% macro date_key(moment) -%}
    (year({{ moment }}) * 10000 + month({{ moment }}) * 100 + day({{ moment }}))
{%- endmacro %}
