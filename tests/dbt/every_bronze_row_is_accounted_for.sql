-- Nothing is dropped silently: rows in = rows out + rejected + superseded, for every entity.
select
    entity,
    bronze_rows,
    rejected_rows,
    superseded_rows,
    silver_rows
from {{ ref('row_reconciliation') }}
where bronze_rows <> rejected_rows + superseded_rows + silver_rows
