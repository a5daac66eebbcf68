-- A word of seed other_words that stands for a value that no list has would make values unlisted, not listed.
with listed as (
    select
        'status' as column_name,
        status as canonical
    from {{ ref('order_statuses') }}
    union all
    select
        'resolution_status' as column_name,
        resolution_status as canonical
    from {{ ref('resolution_statuses') }}
    union all
    select
        'payment_method' as column_name,
        payment_method as canonical
    from {{ ref('payment_methods') }}
    union all
    select
        'tier_level' as column_name,
        tier_level as canonical
    from {{ ref('loyalty_tiers') }}
)

select
    words.column_name,
    words.other_word,
    words.canonical
from {{ ref('other_words') }} as words
left join listed on words.column_name = listed.column_name and words.canonical = listed.canonical
where listed.canonical is null
