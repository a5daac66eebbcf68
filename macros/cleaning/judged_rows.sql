{#-
    CTEs that end in `numbered`: the good staged rows of an entity, with whether each `counts`, its `line_number`, and its
    `fate`, why it does not count: `gone` (the newest full file lacks its key), `identical` (it says the same as one that was
    chosen) or `newer` (rows of a newer delivery were); null when it does. Incrementally they
    are of the keys that changed, with what silver has of them. On an engine that gains by it only keys that occur twice may be looked at (`repeated_only`), and those that are gone.
-#}
{% macro judged_rows(entity, by, repeated_only=none) -%}
{%- if repeated_only is none -%}{%- set repeated_only = not by.full and not is_incremental() -%}{%- endif -%}
{{ taken_in_files(entity) }},

{{ accepted_rows(entity, by) }}

{% if by.full %}
{#- Even a rejected row shows that its key is there. #}
newest_keys as (
    select distinct {{ by.moment | join(', ') }}
    from {{ ref('stg_' ~ entity) }} as staged
    inner join files as files
        on staged._batch_id = files._batch_id and staged._source_file = files._source_file
    inner join files as newest
        on
            newest.newest_first = 1
            and files._batch_id = newest._batch_id
            and files.delivery_number = newest.delivery_number
    {%- if is_incremental() %}
    where staged._batch_id = {{ sql_text(newest_delivery(entity)._batch_id) }}
    {%- endif %}
),
{% endif %}
{{ repeated_rows(by, repeated_only) }}
placed as (
    select
        candidates.*,
        files.file_number,
        files.delivery_number,
        {{ ('case when newest_keys.' ~ by.moment[0] ~ ' is null then 1 else 0 end') if by.full else '0' }} as is_gone,
        row_number() over (
            partition by candidates.{{ by.moment | join(', candidates.') }}
            order by
                candidates._as_of desc,
                candidates._batch_id desc,
                files.file_number desc,
                candidates._row_number desc
        ) as newest_first
    from {{ 'candidates' if repeated_rows(by, repeated_only) else 'accepted' }} as candidates
    inner join files as files
        on candidates._batch_id = files._batch_id and candidates._source_file = files._source_file
    {%- if by.full %}
    left join newest_keys as newest_keys
        on
            {%- for column in by.moment %}
            {{ 'and ' if not loop.first }}candidates.{{ column }} = newest_keys.{{ column }}
            {%- endfor %}
    {%- endif %}
),
{% if by.all_lines %}
deliveries as (
    select
        *,
        max(case when newest_first = 1 then _batch_id end) over (
            partition by {{ by.moment | join(', ') }}
        ) as newest_batch_id,
        max(case when newest_first = 1 then delivery_number end) over (
            partition by {{ by.moment | join(', ') }}
        ) as newest_delivery
    from placed
),
{% endif %}
chosen as (
    select
        *,
        {%- if by.all_lines %}
        case when _batch_id = newest_batch_id and delivery_number = newest_delivery then 1 else 0 end as is_chosen
    from deliveries
        {%- else %}
        case when newest_first = 1 then 1 else 0 end as is_chosen
    from placed
        {%- endif %}
),

judged as (
    select
        *,
        row_number() over (
            partition by is_chosen, {{ (by.moment + by.content) | join(', ') }}
            order by file_number, _row_number
        ) as number_of_same,
        max(is_chosen) over (partition by {{ (by.moment + by.content) | join(', ') }}) as has_same_chosen
    from chosen
),

fates as (
    select
        *,
        case when is_chosen = 1 and number_of_same = 1 and is_gone = 0 then 1 else 0 end as counts,
        case
            when is_chosen = 1 and number_of_same = 1 then case when is_gone = 1 then 'gone' end
            when has_same_chosen = 1 then 'identical'
            else 'newer'
        end as fate
    from judged
),

numbered as (
    select
        *,
        row_number() over (
            partition by {{ by.key | join(', ') }}
            order by counts desc, {{ (by.moment | reject('in', by.key) | list + ['file_number', '_row_number']) | join(', ') }}
        ) as line_number
    from fates
)
{%- endmacro %}


{#-
    The CTE `accepted` of the good rows that are judged: all staged ones, or, incrementally, those that silver has not taken in
    and with them what silver has of their keys. Of the newest full file also the keys that it has and the one before has not,
    or the other way round.
-#}
{% macro accepted_rows(entity, by) -%}
{%- set staged = ref('stg_' ~ entity) -%}
{%- if not is_incremental() %}
accepted as {{ inlined() }}(
    select *
    from {{ staged }}
    where reject_reason is null
),
{%- else -%}
{%- set columns = by.columns + by.hidden -%}
arrived as (
    select {{ columns | join(', ') }}
    from {{ staged_since(entity) }} as staged
    where reject_reason is null and _batch_id > {{ sql_text(increment().since['stg_' ~ entity]) }}
),

touched as (
    select {{ by.key | join(', ') }} from arrived
    {%- if by.full %}
    {%- set before, now = delivered_keys(by, staged, built(entity).newest), delivered_keys(by, staged, newest_delivery(entity)) %}
    union
    select {{ by.key | join(', ') }}
    from (({{ before }} except {{ now }}) union ({{ now }} except {{ before }})) as come_or_gone
    {%- else %}
    group by {{ by.key | join(', ') }}
    {%- endif %}
),

accepted as (
    select
        {{ columns | join(', ') }},
        1 as row_count,
        0 as was_counted,
        0 as was_there
    from arrived
    union all
    select
        {{ columns | join(', ') }},
        1 as row_count,
        1 as was_counted,
        1 as was_there
    from {{ counted_rows(entity) }} as counted
    where exists (select 1 from touched where {{ same_key(by.key, 'touched', 'counted') }})
    union all
    select
        {{ columns | join(', ') }},
        row_count,
        0 as was_counted,
        1 as was_there
    from {{ superseded_rows_of(entity) }} as superseded
    where
        fate is not null
        and exists (select 1 from touched where {{ same_key(by.key, 'touched', 'superseded') }})
),
{%- endif -%}
{%- endmacro %}


{#- The select of the keys (moments) that a delivery has, good rows or not. -#}
{% macro delivered_keys(by, staged, delivery) -%}
    select {{ by.moment | join(', ') }}
    from {{ staged }}
    where
        _batch_id = {{ sql_text(delivery._batch_id) }}
        and _source_file in (
            select files._source_file
            from files
            where
                files._batch_id = {{ sql_text(delivery._batch_id) }}
                and files.delivery_number = {{ delivery.delivery_number }}
        )
{%- endmacro %}


{#- CTEs of the keys that occur twice (`repeated`) and their rows (`candidates`), on an engine that gains by it; else nothing. -#}
{% macro repeated_rows(by, wanted) -%}
    {{ return(adapter.dispatch('repeated_rows')(by) if wanted else '') }}
{%- endmacro %}


{% macro default__repeated_rows(by) -%}{{ return('') }}{%- endmacro %}


{% macro duckdb__repeated_rows(by) -%}
repeated as (
    select {{ by.key | join(', ') }}
    from accepted
    group by {{ by.key | join(', ') }}
    having count(*) > 1
),

candidates as (
    select *
    from accepted
    semi join repeated using ({{ by.key | join(', ') }})
),
{%- endmacro %}
