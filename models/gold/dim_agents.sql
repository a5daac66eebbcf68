with agents as (
    select
        agent_id,
        agent_name,
        department,
        shift,
        _batch_id
    from {{ rows_to_build(ref('agents')) }}
),

unknown_member as (
    select
        {{ unknown_key('agents') }} as agent_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as agent_name,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as department,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as shift,
        cast(null as {{ engine_type('varchar(255)') }}) as _batch_id
)

select * from agents
{%- if not is_incremental() %}
union all
select * from unknown_member
{%- endif %}
