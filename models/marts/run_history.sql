select
    run_id,
    started_at,
    ended_at,
    outcome,
    batch_id,
    files,
    rows_arrived,
    step_number,
    step,
    seconds,
    message
from {{ source('runs', 'steps') }}
