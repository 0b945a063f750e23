select
    identifier_type,
    value,
    country,
    refusal as reason,
    source,
    record_id,
    first_seen_at,
    last_seen_at,
    records
from {{ ref('identifier_values') }}
where refusal is not null
