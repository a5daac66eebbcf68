{#-
    The select of the rates of currencies, from the seed exchange_rates, each with the days it is for: from `valid_from` (from
    ever when blank) until before the next one's.
-#}
{% macro rate_periods(exchange_rates) -%}
    select
        currency,
        valid_from,
        coalesce(
            lead(valid_from) over (partition by currency order by valid_from),
            cast('9999-12-31' as {{ engine_type('date') }})
        ) as valid_until,
        rate
    from (
        select
            upper(currency) as currency,
            coalesce(valid_from, cast('0001-01-01' as {{ engine_type('date') }})) as valid_from,
            rate
        from {{ exchange_rates }}
    ) as rates
{%- endmacro %}


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
