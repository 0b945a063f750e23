with quarantine as (
    select * from {{ ref('quarantine') }}
)

select
    _source as source,
    reason,
    count(*) as records,
    count(distinct _batch_id) as batches
from quarantine
group by _source, reason
