with agents as (
    select * from {{ ref('dim_agents') }}
),

contacts as (
    select
        agent_id,
        count(*) as total_interactions,
        sum(case when is_resolved = 1 then 1 else 0 end) as resolved_interactions
    from {{ ref('fct_service_interactions') }}
    group by agent_id
),

totals as (
    select
        agents.agent_id,
        agents.agent_name,
        agents.department,
        agents.shift,
        coalesce(contacts.total_interactions, 0) as total_interactions,
        coalesce(contacts.resolved_interactions, 0) as resolved_interactions
    from agents
    left join contacts on agents.agent_id = contacts.agent_id
    where agents.agent_id <> {{ unknown_key('agents') }} or contacts.total_interactions > 0
)

select
    agent_id,
    agent_name,
    department,
    shift,
    cast(total_interactions as {{ engine_type('bigint') }}) as total_interactions,
    cast(resolved_interactions as {{ engine_type('bigint') }}) as resolved_interactions,
    coalesce(
        {{ resolution_rate('resolved_interactions', 'total_interactions') }}, cast(0 as decimal(5, 2))
    ) as resolution_rate
from totals
