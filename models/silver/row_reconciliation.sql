with landed as (
    select
        entity,
        sum(row_count + malformed_row_count) as bronze_rows
    from {{ source('landing', 'landed_files') }}
    group by entity
),

rejected as (
    select
        entity,
        count(*) as rejected_rows
    from {{ ref('rejected_rows') }}
    group by entity
),

superseded as (
    select
        entity,
        sum(row_count) as superseded_rows
    from {{ ref('superseded_rows') }}
    group by entity
),

published as (
    {%- for entity in entities() %}
    select
        '{{ entity }}' as entity,
        count(*) as silver_rows
    from {{ ref(entity) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    published.entity,
    cast(coalesce(landed.bronze_rows, 0) as bigint) as bronze_rows,
    cast(coalesce(rejected.rejected_rows, 0) as bigint) as rejected_rows,
    cast(coalesce(superseded.superseded_rows, 0) as bigint) as superseded_rows,
    cast(published.silver_rows as bigint) as silver_rows
from published
left join landed on published.entity = landed.entity
left join rejected on published.entity = rejected.entity
left join superseded on published.entity = superseded.entity
