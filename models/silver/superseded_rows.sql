-- The good rows that do not count, by why. Silver's relations have the others by the same judgement; that none is
-- missing is for row_reconciliation to show, which counts what they have.
{%- for entity in entities() %}
-- depends_on: {{ ref(entity) }}
{%- endfor %}
{%- for entity in entities() %}
select
    '{{ entity }}' as entity,
    fate as reason,
    cast(sum(row_count) as {{ engine_type('bigint') }}) as row_count
from {{ superseded_rows_of(entity) }}
where fate is not null
group by fate
{{ 'union all' if not loop.last }}
{%- endfor %}
