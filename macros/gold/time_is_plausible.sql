{#-
    Whether a time, in the business time zone, is plausible: not before var earliest_plausible_date, and not more than a day
    after the batch it came in, whose id begins with its time (YYYYMMDDTHHMMSSZ).
    Example: time_is_plausible('ordered_at', '_batch_id')
-#}
{% macro time_is_plausible(moment, batch_id) -%}
    {%- set stamp -%}
        concat(
            substring({{ batch_id }}, 1, 4), '-', substring({{ batch_id }}, 5, 2), '-', substring({{ batch_id }}, 7, 2), 'T',
            substring({{ batch_id }}, 10, 2), ':', substring({{ batch_id }}, 12, 2), ':', substring({{ batch_id }}, 14, 2)
        )
    {%- endset -%}
    {%- set arrived = business_time('try_cast(' ~ stamp ~ ' as ' ~ engine_type('timestamp') ~ ')') -%}
    cast(
        case
            when {{ moment }} < cast({{ sql_text(var('earliest_plausible_date') | string) }} as {{ engine_type('timestamp') }}) then 0
            when {{ moment }} > {{ add_days_to_time('1', arrived) }} then 0
            else 1
        end as {{ engine_type('boolean') }}
    )
{%- endmacro %}
