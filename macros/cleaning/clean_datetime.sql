{#-
    A trimmed text as a time with whole seconds, or null when it is none. Forms: ISO 8601 (`T` or space, seconds and a
    fraction optional, then `Z` or an offset, which converts to UTC), a bare date, MM/DD/YYYY with an optional time
    (24-hour or AM/PM), and the patterns of var extra_datetime_formats. Fractions are dropped. Years 0001 to 9999.
    Example: clean_datetime('ordered_at')
-#}
{% macro clean_datetime(text) -%}
    {{ return(adapter.dispatch('clean_datetime')(text)) }}
{%- endmacro %}


{% macro duckdb__clean_datetime(text) -%}
    {%- set day = '[0-9]{4}-[0-9]{2}-[0-9]{2}' -%}
    {%- set minute = '([01][0-9]|2[0-3]):[0-5][0-9]' -%}
    {%- set second = ':[0-5][0-9]' -%}
    {%- set zone = 'Z|[+-]' ~ '([01][0-9]|2[0-3]):?[0-5][0-9]' -%}
    case
        when regexp_full_match({{ text }}, '{{ day }}[T ]{{ minute }}{{ second }}')
            then {{ duckdb_timestamp(text) }}
        when regexp_full_match({{ text }}, '{{ day }}([T ]{{ minute }}({{ second }}([.][0-9]+)?)?({{ zone }})?)?')
            then {{ duckdb_iso_datetime(text) }}
        when regexp_full_match(
            {{ text }}, '(?i)[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}( [0-9]{1,2}:[0-5][0-9]({{ second }})?( ?[AP]M)?)?'
        )
            then {{ duckdb_slash_datetime(text) }}
        {%- for format in var('extra_datetime_formats') %}
        when regexp_full_match({{ text }}, {{ sql_text(duckdb_format_pattern(format)) }})
            then {{ duckdb_strict_timestamp(rearranged_datetime(text, format)) }}
        {%- endfor %}
    end
{%- endmacro %}


{#- DuckDB reads the year 0000 as 1 BC. -#}
{% macro duckdb_timestamp(text) -%}
    case when {{ text }} >= '0001' then try_cast({{ text }} as timestamp) end
{%- endmacro %}


{#- DuckDB reads 24:00:00 as the next midnight. -#}
{% macro duckdb_strict_timestamp(text) -%}
    case when substring({{ text }}, 12, 2) < '24' then {{ duckdb_timestamp(text) }} end
{%- endmacro %}


{#- A text that has the ISO form: the local time less its offset, if that is a time in the years 0001 to 9999. -#}
{% macro duckdb_iso_datetime(text) -%}
    {%- set local_time -%}
        concat(
            left({{ text }}, 10), ' ', coalesce(nullif(substring({{ text }}, 12, 5), ''), '00:00'),
            case when substring({{ text }}, 17, 1) = ':' then substring({{ text }}, 17, 3) else ':00' end
        )
    {%- endset -%}
    {%- set zone -%} replace(regexp_extract(substring({{ text }}, 17), '[+-].*$'), ':', '') {%- endset -%}
    {%- set utc -%}
        {{ duckdb_timestamp(local_time) }} - to_minutes(coalesce(
            try_cast(left({{ zone }}, 1) || '1' as bigint)
            * (try_cast(substring({{ zone }}, 2, 2) as bigint) * 60 + try_cast(substring({{ zone }}, 4, 2) as bigint)),
            0
        ))
    {%- endset -%}
    case when {{ utc }} between timestamp '0001-01-01 00:00:00' and timestamp '9999-12-31 23:59:59' then {{ utc }} end
{%- endmacro %}


{#- A text that has the form MM/DD/YYYY with an optional time. -#}
{% macro duckdb_slash_datetime(text) -%}
    {%- set parts = [] -%}
    {%- for number in range(1, 8) -%}
        {%- do parts.append(
            'regexp_extract(' ~ text
            ~ ", '(?i)^([0-9]+)/([0-9]+)/([0-9]+)(?: ([0-9]+):([0-9]+)(?::([0-9]+))?(?: ?([AP]M))?)?$', " ~ number ~ ')'
        ) -%}
    {%- endfor -%}
    {%- set month, day, year, hour, minute, second, half = parts -%}
    {%- set hour_of_day -%}
        case
            when {{ half }} = '' then coalesce(nullif({{ hour }}, ''), '0')
            when cast({{ hour }} as integer) between 1 and 12
                then cast(cast({{ hour }} as integer) % 12 + case when upper({{ half }}) = 'PM' then 12 else 0 end as varchar)
        end
    {%- endset -%}
    {%- set written -%}
        {{ year }} || '-' || lpad({{ month }}, 2, '0') || '-' || lpad({{ day }}, 2, '0') || ' ' || lpad({{ hour_of_day }}, 2, '0')
        || ':' || coalesce(nullif({{ minute }}, ''), '00') || ':' || coalesce(nullif({{ second }}, ''), '00')
    {%- endset -%}
    {{ duckdb_strict_timestamp('(' ~ written ~ ')') }}
{%- endmacro %}


{#- The pattern of a text that is written in a format such as 'DD.MM.YYYY HH:MI'. -#}
{% macro duckdb_format_pattern(format) -%}
    {%- set ns = namespace(pattern=modules.re.escape(format)) -%}
    {%- for token in ['YYYY', 'MM', 'DD', 'HH', 'MI', 'SS'] -%}
        {%- set ns.pattern = ns.pattern | replace(token, '[0-9]{' ~ token | length ~ '}') -%}
    {%- endfor -%}
    {{ return(ns.pattern) }}
{%- endmacro %}


{#- A text in a fixed-width format, rearranged as YYYY-MM-DDTHH:MI:SS; parts that the format lacks are 01 or 00. -#}
{% macro rearranged_datetime(text, format) -%}
    {%- set parts = {} -%}
    {%- for token, missing in {'YYYY': '0000', 'MM': '01', 'DD': '01', 'HH': '00', 'MI': '00', 'SS': '00'}.items() -%}
        {%- set place = format.find(token) -%}
        {%- do parts.update({token: (
            'substring(' ~ text ~ ', ' ~ (place + 1) ~ ', ' ~ token | length ~ ')' if place >= 0 else sql_text(missing)
        )}) -%}
    {%- endfor -%}
    concat(
        {{ parts.YYYY }}, '-', {{ parts.MM }}, '-', {{ parts.DD }}, 'T', {{ parts.HH }}, ':', {{ parts.MI }}, ':', {{ parts.SS }}
    )
{%- endmacro %}


{#-
    T-SQL has no patterns beyond LIKE, so the text is taken apart step by step, each a row that the next one reads: the
    text in front of its zone or its AM/PM, then as YYYY-MM-DDTHH:MI:SS, which a cast reads in every language setting, or
    null when it has none of the forms. The cast refuses impossible days and hours; the year 0000 is none in T-SQL.
-#}
{% macro sqlserver__clean_datetime(text) -%}
    {%- set digit = '[0-9]' -%}
    {%- set day = digit * 4 ~ '-' ~ digit * 2 ~ '-' ~ digit * 2 -%}
    {%- set sixtieth = ':[0-5]' ~ digit -%}
    {%- set clock = digit * 2 ~ sixtieth -%}
    (
        select
            case
                when local_time.value < dateadd(
                    minute, case when zone.minutes > 0 then zone.minutes else 0 end, cast('0001-01-01T00:00:00' as datetime2(0))
                ) then null
                when local_time.value > dateadd(
                    minute, case when zone.minutes < 0 then zone.minutes else 0 end, cast('9999-12-31T23:59:59' as datetime2(0))
                ) then null
                else dateadd(minute, -zone.minutes, local_time.value)
            end
        from (select {{ sqlserver_exact_text(text) }} as value) as given
        cross apply (
            select
                case
                    when given.value like N'{{ day }}[T ]{{ clock }}%Z' then 1
                    when given.value like N'{{ day }}[T ]{{ clock }}%[-+]{{ clock }}' then 6
                    when given.value like N'{{ day }}[T ]{{ clock }}%[-+]{{ clock | replace(':', '') }}' then 5
                    else 0
                end as zone_length,
                case
                    when given.value like N'%/%/% %:% [AaPp][Mm]' then 3
                    when given.value like N'%/%/% %:%[AaPp][Mm]' then 2
                    else 0
                end as half_length
        ) as ending
        cross apply (
            select
                left(given.value, len(given.value) - ending.zone_length - ending.half_length) as value,
                replace(right(given.value, ending.zone_length), N':', N'') as zone,
                case when ending.half_length > 0 then left(right(given.value, 2), 1) else N'' end as half
        ) as part
        cross apply (
            select
                case
                    when part.zone in (N'', N'Z') then 0
                    when substring(part.zone, 2, 2) <= N'23'
                        then
                            case when part.zone like N'-%' then -1 else 1 end
                            * (try_cast(substring(part.zone, 2, 2) as int) * 60 + try_cast(substring(part.zone, 4, 2) as int))
                end as minutes
        ) as zone
        cross apply (
            select
                case
                    {%- for month_digits in (1, 2) %}
                    {%- for day_digits in (1, 2) %}
                    {%- set form = digit * month_digits ~ '/' ~ digit * day_digits ~ '/' ~ digit * 4 %}
                    when part.value like N'{{ form }}' or part.value like N'{{ form }} %'
                        then concat(
                            substring(part.value, {{ month_digits + day_digits + 3 }}, 4), N'-',
                            right(concat(N'0', left(part.value, {{ month_digits }})), 2), N'-',
                            right(concat(N'0', substring(part.value, {{ month_digits + 2 }}, {{ day_digits }})), 2)
                        )
                    {%- endfor %}
                    {%- endfor %}
                end as day,
                substring(part.value, charindex(N' ', concat(part.value, N' ')) + 1, 4000) as clock
        ) as slashed
        cross apply (
            select
                case
                    when part.half = N'' and part.value not like N'% %' then N'00:00:00'
                    {%- for hour_digits in (1, 2) %}
                    when slashed.clock like N'{{ digit * hour_digits ~ sixtieth }}'
                        then concat(right(concat(N'0', slashed.clock), 5), N':00')
                    when slashed.clock like N'{{ digit * hour_digits ~ sixtieth ~ sixtieth }}'
                        then right(concat(N'0', slashed.clock), 8)
                    {%- endfor %}
                end as value
        ) as clock
        cross apply (
            select
                case
                    when part.half = N'' then clock.value
                    when left(clock.value, 2) between N'01' and N'12'
                        then concat(
                            right(concat(
                                N'0',
                                try_cast(left(clock.value, 2) as int) % 12 + case when part.half in (N'P', N'p') then 12 else 0 end
                            ), 2),
                            substring(clock.value, 3, 6)
                        )
                end as value
        ) as clock_of_day
        cross apply (
            select
                try_cast(case
                    when given.value like N'{{ day }}' then concat(given.value, N'T00:00:00')
                    when part.value like N'{{ day }}[T ]{{ clock }}'
                        then concat(left(part.value, 10), N'T', substring(part.value, 12, 5), N':00')
                    when
                        part.value like N'{{ day }}[T ]{{ clock }}{{ sixtieth }}'
                        or (
                            part.value like N'{{ day }}[T ]{{ clock }}{{ sixtieth }}.[0-9]%'
                            and substring(part.value, 21, 4000) not like N'%[^0-9]%'
                        )
                        then concat(left(part.value, 10), N'T', substring(part.value, 12, 8))
                    when slashed.day is not null and clock_of_day.value is not null
                        then concat(slashed.day, N'T', clock_of_day.value)
                    {%- for format in var('extra_datetime_formats') %}
                    when given.value like N{{ sql_text(sqlserver_format_pattern(format)) }}
                        then {{ rearranged_datetime('given.value', format) }}
                    {%- endfor %}
                end as datetime2(0)) as value
        ) as local_time
    )
{%- endmacro %}


{% macro synapse__clean_datetime(text) -%}
    {{ return(sqlserver__clean_datetime(text)) }}
{%- endmacro %}


{#- The LIKE pattern of a text that is written in a format such as 'DD.MM.YYYY HH:MI'. -#}
{% macro sqlserver_format_pattern(format) -%}
    {%- set ns = namespace(pattern=format | replace('[', '[[]') | replace('%', '[%]') | replace('_', '[_]')) -%}
    {%- for token in ['YYYY', 'MM', 'DD', 'HH', 'MI', 'SS'] -%}
        {%- set ns.pattern = ns.pattern | replace(token, '[0-9]' * token | length) -%}
    {%- endfor -%}
    {{ return(ns.pattern) }}
{%- endmacro %}
