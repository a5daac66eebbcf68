{#- The day that recency is counted from: var recency_date, or else the day of the newest event. -#}
{% macro recency_date(newest_event) -%}
    {%- set fixed = var('recency_date') -%}
    cast({{ sql_text(fixed | string) if fixed else newest_event }} as date)
{%- endmacro %}
