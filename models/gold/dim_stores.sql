with stores as (
    select
        store_id,
        location,
        manager,
        open_hours,
        _batch_id
    from {{ rows_to_build(ref('stores')) }}
),

unknown_member as (
    select
        {{ unknown_key('stores') }} as store_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as location,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as manager,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as open_hours,
        cast(null as {{ engine_type('varchar(255)') }}) as _batch_id
)

select * from stores
{%- if not is_incremental() %}
union all
select * from unknown_member
{%- endif %}
