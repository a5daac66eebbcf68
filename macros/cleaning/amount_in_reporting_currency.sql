{#-
    An amount in the reporting currency, rounded to cents half away from zero; null without a rate for that day, or when it
    is too large. (19 digits are as many as make the product exact on every engine.) `rates` is joined to the row. Without var reporting_currency, the currency that has no rates is the reporting one.
-#}
{% macro amount_in_reporting_currency(amount, currency, rates) -%}
    case
        when {{ currency }} is null then {{ amount }}
        {%- if var('reporting_currency') %}
        when upper({{ currency }}) = {{ sql_text(var('reporting_currency') | upper) }} then {{ amount }}
        {%- else %}
        when upper({{ currency }}) not in (select known.currency from {{ rates }} as known) then {{ amount }}
        {%- endif %}
        else try_cast(cast({{ amount }} as decimal(19, 2)) * {{ rates }}.rate as decimal(18, 2))
    end
{%- endmacro %}
