{#-
    A trimmed text as a time with whole seconds, or null when it is none. Forms, in this order:
    - ISO 8601 and its cousins: the year first, `-` or `/` between its parts, month, day and hour of one or two digits;
      then, optional, `T` or spaces and a time, its seconds and their fraction optional too; then an offset (`Z`, `UTC`,
      `+02`, `+0200`, `+02:00`), maybe after spaces;
    - MM/DD/YYYY, with an optional time after spaces (24-hour or AM/PM);
    - the patterns of var extra_datetime_formats.
    A time with an offset is converted to the business time zone (business_time), one without is in it already. Fractions
    are dropped (moment_fraction has them). Years 0001 to 9999, in UTC too where there is an offset.
    Example: clean_datetime('ordered_at')
-#}
{% macro clean_datetime(text) -%}
    {{ return(adapter.dispatch('clean_datetime')(text)) }}
{%- endmacro %}


{#-
    DuckDB's casts read the usual forms by themselves, in a fifth of the time that it takes to take a text apart; the
    patterns see to it that they get nothing else. A time with an offset in the first or last year, which conversion could
    leave, is for the slower way.
-#}
{% macro duckdb__clean_datetime(text) -%}
    {%- set day = '[0-9]{4}-[0-9]{2}-[0-9]{2}' -%}
    {%- set hour = '([01][0-9]|2[0-3])' -%}
    {%- set sixtieth = ':[0-5][0-9]' -%}
    {%- set clock = '[T ]' ~ hour ~ sixtieth ~ '(' ~ sixtieth ~ '([.][0-9]{1,6})?)?' -%}
    {%- set offset = '[+-]' ~ hour ~ '(:?[0-5][0-9])?' -%}
    {%- set year_first -%}
        ([0-9]{4})(?:-([0-9]{1,2})-|/([0-9]{1,2})/)([0-9]{1,2})(?:(?: +|[Tt])([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.][0-9]+)?)?(?: *(Z|z|UTC|{{ offset | replace('(', '(?:') }}))?)?
    {%- endset -%}
    {%- set month_first -%}
        (?i)([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})(?: +([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?(?: *([AP])M)?)?
    {%- endset -%}
    case
        when regexp_full_match({{ text }}, '{{ day }}({{ clock }})?')
            then date_trunc('second', {{ duckdb_timestamp(text) }})
        when {{ text }} between '0002' and '9999' and regexp_full_match({{ text }}, '{{ day }}{{ clock }}(Z| ?{{ offset }})')
            then date_trunc('second', timezone(
                '{{ business_timezone() }}',
                try_cast(replace(replace({{ text }}, ' +', '+'), ' -', '-') as timestamp with time zone)
            ))
        when regexp_full_match({{ text }}, '{{ year_first }}')
            then {{ duckdb_year_first_datetime(text, year_first) }}
        when regexp_full_match({{ text }}, '{{ month_first }}')
            then {{ duckdb_month_first_datetime(text, month_first) }}
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


{#- A text that has the form: the parts that the pattern finds, as a time. -#}
{% macro duckdb_year_first_datetime(text, pattern) -%}
    {%- set written -%}
        concat(
            parts.year, '-', parts.month, parts.month_too, '-', parts.day, ' ',
            if(parts.hour = '', '0:00', concat(parts.hour, ':', parts.minute)), if(parts.second = '', '', ':'), parts.second
        )
    {%- endset -%}
    {%- set offset -%} if(parts.zone in ('Z', 'z', 'UTC'), '+00', parts.zone) {%- endset -%}
    {%- set utc -%}
        timezone('UTC', try_cast(concat({{ written }}, {{ offset }}) as timestamp with time zone))
    {%- endset -%}
    list_transform(
        [regexp_extract(
            {{ text }}, '^{{ pattern }}$', ['year', 'month', 'month_too', 'day', 'hour', 'minute', 'second', 'zone']
        )],
        lambda parts: case
            when parts.zone = '' then {{ duckdb_timestamp(written) }}
            when
                parts.year >= '0001'
                and {{ utc }} between timestamp '0001-01-01 00:00:00' and timestamp '9999-12-31 23:59:59'
                then {{ business_time(utc) }}
        end
    )[1]
{%- endmacro %}


{#- A text that has the form: the parts that the pattern finds, as a time. -#}
{% macro duckdb_month_first_datetime(text, pattern) -%}
    {%- set hour -%}
        case
            when parts.half = '' then coalesce(nullif(parts.hour, ''), '0')
            when cast(parts.hour as integer) between 1 and 12
                then cast(cast(parts.hour as integer) % 12 + if(upper(parts.half) = 'P', 12, 0) as varchar)
        end
    {%- endset -%}
    {%- set written -%}
        parts.year || '-' || parts.month || '-' || parts.day || ' ' || {{ hour }}
        || ':' || if(parts.minute = '', '00', parts.minute) || ':' || if(parts.second = '', '00', parts.second)
    {%- endset -%}
    list_transform(
        [regexp_extract(
            {{ text }}, '^{{ pattern }}$', ['month', 'day', 'year', 'hour', 'minute', 'second', 'half']
        )],
        lambda parts: {{ duckdb_timestamp('(' ~ written ~ ')') }}
    )[1]
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
    T-SQL has no patterns beyond LIKE, so the text is taken apart step by step, each a row that the next one reads: its
    ending (an offset or AM/PM), what stands before that, day and clock, and these as YYYY-MM-DDTHH:MI:SS, which a cast
    reads in every language setting, or null when the text has none of the forms. The cast refuses impossible days and
    hours; the year 0000 is none in T-SQL.
-#}
{% macro sqlserver__clean_datetime(text) -%}
    {%- set digit = '[0-9]' -%}
    {%- set year = digit * 4 -%}
    {%- set two = digit * 2 -%}
    {%- set sixtieth = ':[0-5]' ~ digit -%}
    (
        select
            case
                {%- for format in var('extra_datetime_formats') %}
                when written.value is null and given.value like N{{ sql_text(sqlserver_format_pattern(format)) }}
                    then try_cast({{ rearranged_datetime('given.value', format) }} as datetime2(0))
                {%- endfor %}
                when ending.zone_length = 0 then local_time.value
                else {{ business_time('utc.value') }}
            end
        from (select {{ sqlserver_exact_text(text) }} as value) as given
        cross apply (
            select case when given.value like N'{{ year }}[-/]%' then 1 else 0 end as is_year_first
        ) as form
        cross apply (
            select
                case
                    when form.is_year_first = 0 or given.value not like N'%:%' then 0
                    when given.value like N'%[Zz]' then 1
                    when given.value like N'%:%[-+]{{ two ~ sixtieth }}' then 6
                    when given.value like N'%:%[-+]{{ two ~ sixtieth | replace(':', '') }}' then 5
                    when given.value like N'%:%[-+]{{ two }}' or given.value like N'%UTC' then 3
                    else 0
                end as zone_length,
                case
                    when form.is_year_first = 1 then 0
                    when given.value like N'%/%/% %:%[AaPp][Mm]' then 2
                    else 0
                end as half_length
        ) as ending
        cross apply (
            select
                trim(N' ' from left(given.value, len(given.value) - ending.zone_length - ending.half_length)) as value,
                replace(right(given.value, ending.zone_length), N':', N'') as zone,
                case when ending.half_length > 0 then left(right(given.value, 2), 1) else N'' end as half
        ) as part
        cross apply (
            select
                case
                    when part.zone not like N'[-+]%' then 0
                    when substring(part.zone, 2, 2) <= N'23'
                        then
                            case when part.zone like N'-%' then -1 else 1 end
                            * (try_cast(substring(part.zone, 2, 2) as int) * 60 + try_cast(substring(part.zone, 4, 2) as int))
                end as minutes
        ) as zone
        cross apply (
            select patindex(N'%[ Tt]%', concat(part.value, N' ')) as place
        ) as separator
        cross apply (
            select
                left(part.value, separator.place - 1) as day,
                case
                    when part.value like N'%[Tt]%' and form.is_year_first = 1 then substring(part.value, separator.place + 1, 4000)
                    else trim(N' ' from substring(part.value, separator.place, 4000))
                end as clock
        ) as cut
        cross apply (
            select
                case
                    {%- for month_digits in (1, 2) %}
                    {%- for day_digits in (1, 2) %}
                    {%- set month = digit * month_digits %}
                    {%- set day = digit * day_digits %}
                    when cut.day like N'{{ year }}-{{ month }}-{{ day }}' or cut.day like N'{{ year }}/{{ month }}/{{ day }}'
                        then concat(
                            left(cut.day, 4), N'-',
                            right(concat(N'0', substring(cut.day, 6, {{ month_digits }})), 2), N'-',
                            right(concat(N'0', right(cut.day, {{ day_digits }})), 2)
                        )
                    when cut.day like N'{{ month }}/{{ day }}/{{ year }}'
                        then concat(
                            right(cut.day, 4), N'-',
                            right(concat(N'0', left(cut.day, {{ month_digits }})), 2), N'-',
                            right(concat(N'0', substring(cut.day, {{ month_digits + 2 }}, {{ day_digits }})), 2)
                        )
                    {%- endfor %}
                    {%- endfor %}
                end as value
        ) as day
        cross apply (
            select
                left(cut.clock, charindex(N'.', concat(cut.clock, N'.')) - 1) as whole,
                substring(cut.clock, charindex(N'.', concat(cut.clock, N'.')), 4000) as fraction
        ) as clock
        cross apply (
            select
                case
                    when part.value = cut.day and part.half = N'' and part.zone = N'' then N'00:00:00'
                    when
                        clock.fraction <> N''
                        and (
                            form.is_year_first = 0
                            or clock.whole not like N'%:%:%'
                            or clock.fraction not like N'.[0-9]%'
                            or substring(clock.fraction, 2, 4000) like N'%[^0-9]%'
                        )
                        then null
                    {%- for hour in (digit, two) %}
                    when clock.whole like N'{{ hour ~ sixtieth }}' then concat(right(concat(N'0', clock.whole), 5), N':00')
                    when clock.whole like N'{{ hour ~ sixtieth ~ sixtieth }}' then right(concat(N'0', clock.whole), 8)
                    {%- endfor %}
                end as value
        ) as time_of_clock
        cross apply (
            select
                case
                    when part.half = N'' then time_of_clock.value
                    when left(time_of_clock.value, 2) between N'01' and N'12'
                        then concat(
                            right(concat(
                                N'0',
                                try_cast(left(time_of_clock.value, 2) as int) % 12
                                + case when part.half in (N'P', N'p') then 12 else 0 end
                            ), 2),
                            substring(time_of_clock.value, 3, 6)
                        )
                end as value
        ) as time_of_day
        cross apply (
            select
                case
                    when day.value is not null and time_of_day.value is not null
                        then concat(day.value, N'T', time_of_day.value)
                end as value
        ) as written
        cross apply (
            select try_cast(written.value as datetime2(0)) as value
        ) as local_time
        cross apply (
            select
                case
                    when local_time.value < dateadd(
                        minute, case when zone.minutes > 0 then zone.minutes else 0 end, cast('0001-01-01T00:00:00' as datetime2(0))
                    ) then null
                    when local_time.value > dateadd(
                        minute, case when zone.minutes < 0 then zone.minutes else 0 end, cast('9999-12-31T23:59:59' as datetime2(0))
                    ) then null
                    else dateadd(minute, -zone.minutes, local_time.value)
                end as value
        ) as utc
    )
{%- endmacro %}


{% macro fabric__clean_datetime(text) -%}
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
