with interactions as (
    select * from {{ rows_to_build(ref('customer_service_interactions')) }}
),

customers as (
    {{ known_keys(ref('dim_customers'), 'customer_id', 'customers', 'customer_service_interactions') }}
),

agents as (
    {{ known_keys(ref('dim_agents'), 'agent_id', 'agents', 'customer_service_interactions') }}
),

resolution_statuses as (
    select
        resolution_status,
        is_resolved
    from {{ ref('resolution_statuses') }}
)

select
    interactions.interaction_id,
    coalesce(customers.customer_id, {{ unknown_key('customers') }}) as customer_id,
    coalesce(agents.agent_id, {{ unknown_key('agents') }}) as agent_id,
    cast({{ date_key('interactions.interacted_at') }} as {{ engine_type('integer') }}) as date_key,
    interactions.interacted_at,
    {{ time_is_plausible('interactions.interacted_at', 'interactions._batch_id') }} as time_is_plausible,
    interactions.issue_type,
    interactions.resolution_status,
    coalesce(resolution_statuses.is_resolved, cast(0 as {{ engine_type('boolean') }})) as is_resolved,
    interactions.customer_id as source_customer_id,
    interactions.agent_id as source_agent_id,
    interactions._batch_id
from interactions
left join customers on interactions.customer_id = customers.customer_id
left join agents on interactions.agent_id = agents.agent_id
left join resolution_statuses on interactions.resolution_status = resolution_statuses.resolution_status
