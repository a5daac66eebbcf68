{#-
    The select of the rates of currencies, from the seed exchange_rates, each with the days it is for: from `valid_from` (from
    ever when blank) until before the next one's, if there is one (`valid_until`).
-#}
{% macro rate_periods(exchange_rates) -%}
    select
        currency,
        valid_from,
        lead(valid_from) over (partition by currency order by valid_from) as valid_until,
        rate
    from (
        select
            upper(currency) as currency,
            coalesce(valid_from, cast('0001-01-01' as {{ engine_type('date') }})) as valid_from,
            rate
        from {{ exchange_rates }}
    ) as rates
{%- endmacro %}
