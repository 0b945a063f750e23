{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(
        named('value', 'select identifier_type, value from ' ~ ref('spelling_changes'))
    ) }}"
) }}
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
from {{ partial_or_full(ref('spelling_changes'), ref('identifier_values')) }}
where refusal is not null and records > 0
