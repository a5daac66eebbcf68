-- What silver needs besides the statements that by_hand.py makes for each file: the rules for values that do not come in
-- their usual form, and the tables that are filled file by file.
create schema silver;
create schema gold;
create schema marts;
create schema reference;

create temp table rejected_rows (entity varchar, reason varchar, raw_row varchar, _source_file varchar, _batch_id varchar);
create temp table row_reconciliation (
    entity varchar, bronze_rows bigint, rejected_rows bigint, superseded_rows bigint, silver_rows bigint
);

create temp macro trimmed(value) as
    case
        when regexp_matches(value, '^[ \t\n\r\x{A0}]|[ \t\n\r\x{A0}]$')
            then nullif(trim(value, concat(' ', chr(9), chr(10), chr(13), chr(160))), '')
        else nullif(value, '')
    end;

create temp macro slow_integer(value) as
    case when regexp_full_match(trimmed(value), '[+-]?[0-9]+') then try_cast(trimmed(value) as bigint) end;

create temp macro slow_amount(value) as
    case
        when regexp_full_match(trimmed(value), '[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)')
            then try_cast(trimmed(value) as decimal(10, 2))
    end;

-- DuckDB reads the year 0000 as 1 BC and goes on after the year 9999.
create temp macro in_calendar(moment) as
    case when moment between timestamp '0001-01-01 00:00:00' and timestamp '9999-12-31 23:59:59' then moment end;

-- Date and time of day of an ISO text, without fraction and zone.
create temp macro iso_local(value) as
    in_calendar(try_cast(
        left(value, 10) || ' '
        || coalesce(nullif(substring(value, 12, 5), ''), '00:00')
        || case when value[17] = ':' then substring(value, 17, 3) else ':00' end
        as timestamp
    ));

-- Minutes of the `±HHMM` or `±HH:MM` at the end of an ISO text; 0 without one.
create temp macro iso_offset(zone) as
    case
        when zone = '' then 0
        else (case when zone[1] = '-' then -1 else 1 end)
            * (cast(substring(zone, 2, 2) as integer) * 60 + cast(right(zone, 2) as integer))
    end;

create temp macro slow_time(value) as
    case
        when regexp_full_match(
            trimmed(value),
            '[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?'
        ) then in_calendar(
            iso_local(trimmed(value))
            - to_minutes(iso_offset(regexp_extract(substring(trimmed(value), 17), '[+-].*$')))
        )
        when regexp_full_match(
            trimmed(value), '(?i)[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}( [0-9]{1,2}:[0-5][0-9](:[0-5][0-9])?( ?[AP]M)?)?'
        ) then in_calendar(try_strptime(
            regexp_replace(upper(trimmed(value)), ' ?([AP]M)$', ' \1'),
            [
                '%m/%d/%Y',
                '%m/%d/%Y %H:%M',
                '%m/%d/%Y %H:%M:%S',
                '%m/%d/%Y %I:%M %p',
                '%m/%d/%Y %I:%M:%S %p'
            ]
        ))
    end;

create temp macro slow_date(value) as cast(slow_time(value) as date);
