-- The good rows that do not count, by why. Silver's relations have the others by the same judgement; that none is
-- missing is for row_reconciliation to show, which counts what they have.
with
{%- for entity in entities() %}
{{ judged_rows(entity, deduplication(entity), entity ~ '_') }}{{ ',' if not loop.last }}
{% endfor %}
{%- for entity in entities() %}
select
    '{{ entity }}' as entity,
    fate as reason,
    cast(count(*) as {{ engine_type('bigint') }}) as row_count
from {{ entity }}_numbered
where fate is not null
group by fate
{{ 'union all' if not loop.last }}
{%- endfor %}
