{#-
    A time in UTC as the clock of the business showed it (business_timezone), without its fraction of a second on T-SQL;
    null where that is not in the years 0001 to 9999. Of the hour that a clock shows twice in autumn both halves look alike.
    Example: business_time('loaded_at')
-#}
{% macro business_time(utc) -%}
    {%- if windows_time_zones()[business_timezone()] == 'UTC' -%}{{ return(utc) }}{%- endif -%}
    {{ return(adapter.dispatch('business_time')(utc)) }}
{%- endmacro %}


{% macro duckdb__business_time(utc) -%}
    {%- set local_time -%} timezone('{{ business_timezone() }}', timezone('UTC', {{ utc }})) {%- endset -%}
    case
        when {{ local_time }} between timestamp '0001-01-01 00:00:00' and timestamp '9999-12-31 23:59:59.999999'
            then {{ local_time }}
    end
{%- endmacro %}


{#-
    T-SQL knows the zones by their names on Windows, whose rules for the years before 2007 are not as exact as the IANA
    list's (https://learn.microsoft.com/sql/t-sql/queries/at-time-zone-transact-sql). On the first and last days a
    conversion could leave what a time can hold, which is an error, so it is done two days further inside.
-#}
{% macro sqlserver__business_time(utc) -%}
    (
        select
            case
                when moved.days > 0 and local_time.value < cast('0001-01-03T00:00:00' as datetime2(0)) then null
                when moved.days < 0 and local_time.value > cast('9999-12-29T23:59:59' as datetime2(0)) then null
                else dateadd(day, -moved.days, local_time.value)
            end
        from (select {{ utc }} as value) as given
        cross apply (
            select
                case
                    when given.value < cast('0001-01-03T00:00:00' as datetime2(0)) then 2
                    when given.value > cast('9999-12-29T23:59:59' as datetime2(0)) then -2
                    else 0
                end as days
        ) as moved
        cross apply (
            select
                cast(
                    dateadd(day, moved.days, given.value) at time zone 'UTC'
                    at time zone '{{ windows_time_zones()[business_timezone()] }}' as datetime2(0)
                ) as value
        ) as local_time
    )
{%- endmacro %}


{% macro fabric__business_time(utc) -%}
    {{ return(sqlserver__business_time(utc)) }}
{%- endmacro %}
