{#-
    CTEs that end in `numbered`: the good staged rows of an entity, with whether each `counts`, its `line_number`, and its
    `fate`, why it does not count: `gone` (the newest full file lacks its key), `identical` (it says the same as one that was
    chosen) or `newer` (rows of a newer delivery were); null when it does. `prefix` goes before the names of the CTEs. On an
    engine that gains by it only keys that occur twice may be looked at (`repeated_only`), and those that are gone.
-#}
{% macro judged_rows(entity, by, prefix='', repeated_only=none) -%}
{%- if repeated_only is none -%}{%- set repeated_only = not by.full -%}{%- endif -%}
{{ prefix }}accepted as {{ inlined() }}(
    select *
    from {{ ref('stg_' ~ entity) }}
    where reject_reason is null
),

{{ prefix }}files as (
    select
        _batch_id,
        _source_file,
        file_number,
        delivery_number,
        row_number() over (
            order by case when row_count > 0 then 0 else 1 end, as_of desc, _batch_id desc, file_number desc
        ) as newest_first
    from {{ source('landing', 'landed_files') }}
    where entity = '{{ entity }}'
),
{% if by.full %}
{#- Even a rejected row shows that its key is there. #}
{{ prefix }}newest_keys as (
    select distinct {{ by.moment | join(', ') }}
    from {{ ref('stg_' ~ entity) }} as staged
    inner join {{ prefix }}files as files
        on staged._batch_id = files._batch_id and staged._source_file = files._source_file
    inner join {{ prefix }}files as newest
        on
            newest.newest_first = 1
            and files._batch_id = newest._batch_id
            and files.delivery_number = newest.delivery_number
),
{% endif %}
{{ repeated_rows(by, prefix, repeated_only) }}
{{ prefix }}placed as (
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
    from {{ prefix }}{{ 'candidates' if repeated_rows(by, prefix, repeated_only) else 'accepted' }} as candidates
    inner join {{ prefix }}files as files
        on candidates._batch_id = files._batch_id and candidates._source_file = files._source_file
    {%- if by.full %}
    left join {{ prefix }}newest_keys as newest_keys
        on
            {%- for column in by.moment %}
            {{ 'and ' if not loop.first }}candidates.{{ column }} = newest_keys.{{ column }}
            {%- endfor %}
    {%- endif %}
),
{% if by.all_lines %}
{{ prefix }}deliveries as (
    select
        *,
        max(case when newest_first = 1 then _batch_id end) over (
            partition by {{ by.moment | join(', ') }}
        ) as newest_batch_id,
        max(case when newest_first = 1 then delivery_number end) over (
            partition by {{ by.moment | join(', ') }}
        ) as newest_delivery
    from {{ prefix }}placed
),
{% endif %}
{{ prefix }}chosen as (
    select
        *,
        {%- if by.all_lines %}
        case when _batch_id = newest_batch_id and delivery_number = newest_delivery then 1 else 0 end as is_chosen
    from {{ prefix }}deliveries
        {%- else %}
        case when newest_first = 1 then 1 else 0 end as is_chosen
    from {{ prefix }}placed
        {%- endif %}
),

{{ prefix }}judged as (
    select
        *,
        row_number() over (
            partition by is_chosen, {{ (by.moment + by.content) | join(', ') }}
            order by file_number, _row_number
        ) as number_of_same,
        max(is_chosen) over (partition by {{ (by.moment + by.content) | join(', ') }}) as has_same_chosen
    from {{ prefix }}chosen
),

{{ prefix }}fates as (
    select
        *,
        case when is_chosen = 1 and number_of_same = 1 and is_gone = 0 then 1 else 0 end as counts,
        case
            when is_chosen = 1 and number_of_same = 1 then case when is_gone = 1 then 'gone' end
            when has_same_chosen = 1 then 'identical'
            else 'newer'
        end as fate
    from {{ prefix }}judged
),

{{ prefix }}numbered as (
    select
        *,
        row_number() over (
            partition by {{ by.key | join(', ') }}
            order by counts desc, {{ (by.moment | reject('in', by.key) | list + ['file_number', '_row_number']) | join(', ') }}
        ) as line_number
    from {{ prefix }}fates
)
{%- endmacro %}


{#- CTEs of the keys that occur twice (`repeated`) and their rows (`candidates`), on an engine that gains by it; else nothing. -#}
{% macro repeated_rows(by, prefix, wanted) -%}
    {{ return(adapter.dispatch('repeated_rows')(by, prefix) if wanted else '') }}
{%- endmacro %}


{% macro default__repeated_rows(by, prefix) -%}{{ return('') }}{%- endmacro %}


{% macro duckdb__repeated_rows(by, prefix) -%}
{{ prefix }}repeated as (
    select {{ by.key | join(', ') }}
    from {{ prefix }}accepted
    group by {{ by.key | join(', ') }}
    having count(*) > 1
),

{{ prefix }}candidates as (
    select *
    from {{ prefix }}accepted
    semi join {{ prefix }}repeated using ({{ by.key | join(', ') }})
),
{%- endmacro %}
