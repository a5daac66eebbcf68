select
    alias_id,
    person_id,
    merged_at,
    ended_at
from {{ source('identity', 'person_aliases') }}
