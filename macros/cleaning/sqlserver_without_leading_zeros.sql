{#- T-SQL: digits without the zeros that they begin with; nothing is left of zeros only. -#}
{% macro sqlserver_without_leading_zeros(digits) -%}
    substring({{ digits }}, patindex(N'%[^0]%', concat({{ digits }}, N'.')), 4000)
{%- endmacro %}
