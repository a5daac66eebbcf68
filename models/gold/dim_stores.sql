with stores as (
    select
        store_id,
        location,
        manager,
        open_hours
    from {{ ref('stores') }}
),

unknown_member as (
    select
        {{ unknown_key('stores') }} as store_id,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as location,
        cast('Unknown' as {{ engine_type('varchar(100)') }}) as manager,
        cast('Unknown' as {{ engine_type('varchar(50)') }}) as open_hours
)

select * from stores
union all
select * from unknown_member
