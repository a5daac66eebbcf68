with totals as (
    select
        issue_type,
        count(*) as total_interactions,
        sum(case when is_resolved = 1 then 1 else 0 end) as resolved_interactions
    from {{ ref('fct_service_interactions') }}
    group by issue_type
)

select
    issue_type,
    cast(total_interactions as {{ engine_type('bigint') }}) as total_interactions,
    cast(resolved_interactions as {{ engine_type('bigint') }}) as resolved_interactions,
    {{ resolution_rate('resolved_interactions', 'total_interactions') }} as resolution_rate
from totals
