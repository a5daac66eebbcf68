{#- The CTE that gathers rows that do not count and say the same. -#}
{% macro gathered_rows(by) -%}
{%- set same = (by.moment + by.content + ['fate']) | join(', ') -%}
gathered as (
    select
        *,
        row_number() over (
            partition by {{ same }}
            order by _as_of desc, _batch_id desc, file_number desc, _row_number desc
        ) as newest_that_says_so,
        cast(sum({{ 'row_count' if is_incremental() else '1' }}) over (partition by {{ same }}) as {{ engine_type('bigint') }})
        as rows_that_say_so
        {%- if is_incremental() %},
        max(was_there) over (partition by {{ by.key | join(', ') }}) as key_was_there,
        sum(was_counted) over (partition by {{ by.key | join(', ') }}) as rows_before
        {%- endif %}
    from numbered
)
{%- endmacro %}
