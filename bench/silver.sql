-- What silver needs besides the statements that by_hand.py makes for each file: the rules for values that do not come in
-- their usual form, and the tables that are filled file by file.
create schema silver;
create schema gold;
create schema marts;
create schema reference;

create temp table rejected_rows (entity varchar, reason varchar, raw_row varchar, _source_file varchar, _batch_id varchar);
create temp table superseded_rows (entity varchar, reason varchar, row_count bigint);
create temp table unreadable_values (entity varchar, column_name varchar, value varchar, row_count bigint, _batch_id varchar);
create temp table row_reconciliation (
    entity varchar, bronze_rows bigint, rejected_rows bigint, superseded_rows bigint, silver_rows bigint
);

create temp macro blanks() as concat(' ', chr(9), chr(10), chr(13), chr(160));

create temp macro trimmed(value) as nullif(trim(value, blanks()), '');

create temp macro cut(value, length) as trimmed(left(value, length));

-- A trimmed text, null when it is blank or a word that stands for no value. A macro's argument is planned as often as it
-- stands there, and IN would be a join of all rows, also those that do not come here.
create temp macro said(value) as
    nullif(regexp_replace(trim(value, blanks()), '^(NULL|null|[\\]N|N/A|n/a|#N/A|NaN|nan|None|none)$', ''), '');

create temp macro slow_integer(value) as
    try_cast(regexp_extract(trimmed(value), '^''?([+-]?[0-9]+)([.]0+)?$', 1) as bigint);

create temp macro slow_amount(value) as
    try_cast(regexp_extract(trimmed(value), '^''?([+-]?([0-9]+[.]?[0-9]*|[.][0-9]+))$', 1) as decimal(18, 2));

-- DuckDB reads the year 0000 as 1 BC and goes on after the year 9999.
create temp macro in_calendar(moment) as
    case when moment between timestamp '0001-01-01 00:00:00' and timestamp '9999-12-31 23:59:59' then moment end;

-- Date and time of day, without a fraction, of the parts of a text with the year first.
create temp macro local_time(parts) as
    in_calendar(try_cast(
        concat(parts.year, '-', parts.month, '-', parts.day, ' ', parts.minute, if(parts.minute = '', '0:00', ''), parts.second)
        as timestamp
    ));

-- Minutes of an offset, `±HH`, `±HHMM` or `±HH:MM`; 0 of anything else.
create temp macro offset_minutes(zone) as
    coalesce(
        if(zone[1] = '-', -1, 1)
        * (60 * try_cast(substring(zone, 2, 2) as integer) + if(strlen(zone) > 3, try_cast(right(zone, 2) as integer), 0)),
        0
    );

create temp macro year_first_time(parts) as
    in_calendar(local_time(parts) - to_minutes(offset_minutes(parts.zone)));

create temp macro slow_time(value) as
    case
        when regexp_full_match(
            trimmed(value),
            '[0-9]{4}(-[0-9]{1,2}-|/[0-9]{1,2}/)[0-9]{1,2}(( +|[Tt])([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)?( *(Z|z|UTC|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?))?)?'
        ) then year_first_time(regexp_extract(
            trimmed(value),
            '^([0-9]+)[-/]([0-9]+)[-/]([0-9]+)(?:[ Tt]+([0-9]+:[0-9]+)(:[0-9]+)?(?:[.][0-9]+)? *(.*))?$',
            ['year', 'month', 'day', 'minute', 'second', 'zone']
        ))
        when regexp_full_match(
            trimmed(value), '(?i)[0-9]{1,2}/[0-9]{1,2}/[0-9]{4}( +[0-9]{1,2}:[0-5][0-9](:[0-5][0-9])?( *[AP]M)?)?'
        ) then in_calendar(try_strptime(
            regexp_replace(regexp_replace(upper(trimmed(value)), ' *([AP]M)$', ' \1'), ' +', ' ', 'g'),
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

-- The fraction of a second that a time was written with, without zeros at its end.
create temp macro fraction(value) as
    case
        when contains(value, '.') then rtrim(regexp_extract(value, ':[0-9]{2}[.]([0-9]+)', 1), '0')
        else ''
    end;
