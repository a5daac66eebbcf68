with agents as (
    select
        agent_id,
        agent_name,
        department,
        shift
    from {{ ref('agents') }}
),

unknown_member as (
    select
        {{ unknown_key('agents') }} as agent_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as agent_name,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as department,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as shift
)

select * from agents
union all
select * from unknown_member
