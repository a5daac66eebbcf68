{#-
    The select of the history of an entity, one row per key and period in which the key was there and its values stayed the
    same. At any moment a key is what its newest row says of those that hold since then or before (`_as_of`; of several of one
    moment the newest counts), unless the newest complete delivery until then lacks it (`load: full`). So it follows from the
    rows, whenever and in whatever order they arrived. A period has the file and batch of the row that began it.
    Incrementally it gives the keys of what arrived whose history is another one now, as it is for a silver model to give them
    (deduplicate_staged).
    Example: history_of('customers')
-#}
{% macro history_of(entity) -%}
{%- set name = entity ~ '_history' -%}
{%- set by = deduplication(name) -%}
{%- set key, attributes, columns = by.key | join(', '), by.attributes | join(', '), by.columns | join(', ') -%}
{#- A complete delivery says something of every key. -#}
{%- set of_touched = is_incremental() and not by.full -%}
with {{ taken_in_files(entity) }},
{% if of_touched %}
touched as {{ computed_once() }}(
    select {{ key }}
    from {{ staged_since(entity) }} as staged
    where reject_reason is null and _batch_id > {{ sql_text(increment().since['stg_' ~ entity]) }}
    group by {{ key }}
),
{% endif %}
accepted as {{ inlined() }}(
    select
        staged.{{ (by.key + by.attributes) | join(',\n        staged.') }},
        staged._as_of,
        staged._source_file,
        staged._batch_id,
        staged._row_number,
        files.file_number
    from {{ ref('stg_' ~ entity) }} as staged
    inner join files as files
        on staged._batch_id = files._batch_id and staged._source_file = files._source_file
    where
        staged.reject_reason is null
        {%- if of_touched %}
        and exists (select 1 from touched where {{ same_key(by.key, 'touched', 'staged') }})
        {%- endif %}
),

{% if by.full %}
{{ complete_deliveries(entity, by) }}
{% endif %}
{{ keys_of_one_state(by) }}
moments as (
    select
        *,
        row_number() over (
            partition by {{ key }}, _as_of
            order by _batch_id desc, file_number desc, _row_number desc
        ) as newest_of_moment_first
    from {{ 'candidates' if keys_of_one_state(by) else 'accepted' }} as candidates
),

{{ states_with_deliveries(by) if by.full else states_of_rows(by) }}

compared as (
    select
        *,
        row_number() over (partition by {{ key }} order by moment)
        - row_number() over (partition by {{ key }}, {{ attributes }}, is_there order by moment) as run_number
    from states
),

runs as (
    select
        *,
        row_number() over (partition by {{ key }}, {{ attributes }}, is_there, run_number order by moment) as place_in_run
    from compared
),

periods as (
    select
        {{ (by.key + by.attributes) | join(',\n        ') }},
        is_there,
        moment as valid_from,
        lead(moment) over (partition by {{ key }} order by moment) as valid_to,
        _source_file,
        _batch_id
    from runs
    where place_in_run = 1
),

history as (
    select
        {{ (by.key + by.attributes) | join(',\n        ') }},
        valid_from,
        valid_to,
        cast(case when valid_to is null then 1 else 0 end as {{ engine_type('boolean') }}) as is_current,
        _source_file,
        _batch_id
    from periods
    where is_there = 1
    {%- if keys_of_one_state(by) %}
    union all
    select
        {{ (by.key + by.attributes) | join(',\n        ') }},
        valid_from,
        null as valid_to,
        true as is_current,
        _source_file,
        _batch_id
    from of_one_state
    {%- endif %}
)
{%- if not is_incremental() %}

select {{ columns }}
from history
{%- else %},

history_before as (
    select {{ columns }}
    from {{ counted_rows(name) }} as there
    {%- if of_touched %}
    where exists (select 1 from touched where {{ same_key(by.key, 'touched', 'there') }})
    {%- endif %}
),

changed as (
    select {{ key }} from (select {{ columns }} from history except select {{ columns }} from history_before) as come
    union
    select {{ key }} from (select {{ columns }} from history_before except select {{ columns }} from history) as gone
),

rows_before as (
    select
        {{ key }},
        count(*) as row_count
    from history_before
    group by {{ key }}
)

select
    changed.{{ by.key | join(', changed.') }},
    history.{{ by.columns | reject('in', by.key) | join(', history.') }},
    -- Of a key without a history there is just that to be told.
    case when history.valid_from is null then 'gone' end as fate,
    1 as row_count,
    case when rows_before.row_count is null then 0 else 1 end as key_was_there,
    coalesce(rows_before.row_count, 0) as rows_before
from changed
left join history on {{ same_key(by.key, 'changed', 'history') }}
left join rows_before on {{ same_key(by.key, 'changed', 'rows_before') }}
{%- endif %}
{%- endmacro %}


{#-
    On an engine that gains by it, CTEs of the keys whose rows all say the same, and that were there ever since the first of them
    (`of_one_state`), and of the rows of the others (`candidates`); else nothing. Most keys are such, and finding that out costs
    less than sorting all rows.
-#}
{% macro keys_of_one_state(by) -%}
    {{ return(adapter.dispatch('keys_of_one_state')(by)) }}
{%- endmacro %}


{% macro default__keys_of_one_state(by) -%}{{ return('') }}{%- endmacro %}


{% macro duckdb__keys_of_one_state(by) -%}
{%- set key = by.key | join(', ') -%}
{%- if by.full -%}
never_missed as (
    select
        {{ key }},
        case when min(delivery_place) > 1 then min(as_of) end as there_since
    from delivered
    group by {{ key }}
    having
        count(*) = max(delivery_place) - min(delivery_place) + 1
        and max(delivery_place) = (select max(last.delivery_place) from complete_deliveries as last)
),

{% endif -%}
of_one_state as (
    select
        {{ key }},
        {%- for name in by.attributes %}
        min(accepted.{{ name }}) as {{ name }},
        {%- endfor %}
        min(_as_of) as valid_from,
        -- Of the first moment the newest row began it.
        arg_max(_source_file, row(-epoch_us(_as_of), _batch_id, file_number, _row_number)) as _source_file,
        arg_max(_batch_id, row(-epoch_us(_as_of), _batch_id, file_number, _row_number)) as _batch_id
    from accepted
    {%- if by.full %}
    inner join never_missed using ({{ key }})
    {%- endif %}
    group by {{ key }}
    having
        {%- for name in by.attributes %}
        {{ 'and ' if not loop.first }}min(accepted.{{ name }}) is not distinct from max(accepted.{{ name }})
        and count(accepted.{{ name }}) in (0, count(*))
        {%- endfor %}
        {%- if by.full %}
        and (any_value(there_since) is null or min(_as_of) >= any_value(there_since))
        {%- endif %}
),

candidates as (
    select *
    from accepted
    anti join of_one_state using ({{ key }})
),
{%- endmacro %}


{#- The CTE `states`: what each row says of its key from its moment on. -#}
{% macro states_of_rows(by) -%}
states as (
    select
        {{ (by.key + by.attributes) | join(',\n        ') }},
        _as_of as moment,
        1 as is_there,
        _source_file,
        _batch_id
    from moments
    where newest_of_moment_first = 1
),
{%- endmacro %}


{#-
    CTEs of the complete deliveries (`complete_deliveries`) and of the keys that each has (`delivered`). Of deliveries of one moment
    the newest counts, and those without rows say nothing.
-#}
{% macro complete_deliveries(entity, by) -%}
deliveries as (
    select
        _batch_id,
        delivery_number,
        as_of,
        row_number() over (partition by as_of order by _batch_id desc, file_number desc) as newest_of_moment_first
    from (
        select
            _batch_id,
            delivery_number,
            max(as_of) as as_of,
            max(file_number) as file_number
        from files
        where row_count > 0
        group by _batch_id, delivery_number
    ) as delivered_files
),

complete_deliveries as (
    select
        _batch_id,
        delivery_number,
        as_of,
        row_number() over (order by as_of) as delivery_place
    from deliveries
    where newest_of_moment_first = 1
),

-- Even a rejected row shows that its key is there.
delivered as (
    select distinct
        complete_deliveries.as_of,
        complete_deliveries.delivery_place,
        staged.{{ by.key | join(', staged.') }}
    from {{ ref('stg_' ~ entity) }} as staged
    inner join files as files
        on staged._batch_id = files._batch_id and staged._source_file = files._source_file
    inner join complete_deliveries
        on
            files._batch_id = complete_deliveries._batch_id
            and files.delivery_number = complete_deliveries.delivery_number
),
{%- endmacro %}


{#- CTEs that end in `states`: of each key what is so from the moment of each of its rows, and of each complete delivery, on. -#}
{% macro states_with_deliveries(by) -%}
{%- set key = by.key | join(', ') -%}
{%- set carried = by.attributes + ['_source_file', '_batch_id'] -%}
events as (
    select
        {{ (by.key + carried) | join(',\n        ') }},
        _as_of as moment,
        1 as is_row,
        0 as is_delivery,
        0 as is_delivered
    from moments
    where newest_of_moment_first = 1
    union all
    select
        known.{{ by.key | join(', known.') }},
        {%- for name in carried %}
        null as {{ name }},
        {%- endfor %}
        complete_deliveries.as_of as moment,
        0 as is_row,
        1 as is_delivery,
        case when delivered.as_of is null then 0 else 1 end as is_delivered
    from (select distinct {{ key }} from moments) as known
    cross join complete_deliveries
    left join delivered
        on complete_deliveries.as_of = delivered.as_of and {{ same_key(by.key, 'known', 'delivered') }}
),

-- What is of one moment has the same numbers.
numbered as (
    select
        *,
        sum(is_row) over (partition by {{ key }} order by moment) as rows_so_far,
        sum(is_delivery) over (partition by {{ key }} order by moment) as deliveries_so_far
    from events
),

carried_on as (
    select
        {{ key }},
        {%- for name in carried %}
        max({{ name }}) over (partition by {{ key }}, rows_so_far) as {{ name }},
        {%- endfor %}
        moment,
        coalesce(
            max(case when is_delivery = 1 then is_delivered end) over (partition by {{ key }}, deliveries_so_far), 1
        ) as is_there,
        rows_so_far,
        row_number() over (partition by {{ key }}, moment order by is_row) as number_of_moment
    from numbered
),

states as (
    select
        {{ (by.key + by.attributes) | join(',\n        ') }},
        moment,
        is_there,
        _source_file,
        _batch_id
    from carried_on
    where rows_so_far > 0 and number_of_moment = 1
),
{%- endmacro %}
