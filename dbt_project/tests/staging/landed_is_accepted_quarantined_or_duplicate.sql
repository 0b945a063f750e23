-- Every landed record is accounted for, exactly once.
select source, batch_id, landed, accepted, quarantined, duplicates
from {{ ref('landing_balance') }}
where landed is distinct from accepted + quarantined + duplicates
