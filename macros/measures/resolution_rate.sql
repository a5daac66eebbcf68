{#- Percent of contacts that were resolved, decimal(5,2), rounded half away from zero; null without contacts. -#}
{% macro resolution_rate(resolved, total) -%}
    cast({{ divide(resolved ~ ' * cast(100 as ' ~ engine_type('bigint') ~ ')', total, scale=2) }} as decimal(5, 2))
{%- endmacro %}
