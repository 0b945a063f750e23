{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(
        named('value', 'select identifier_type, value from ' ~ passed('spelling_changes'))
    ) }}"
) }}
-- depends_on: {{ ref('spelling_changes') }}, {{ ref('identifier_values') }}
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
from {{ ref('spelling_changes') if is_partial() else ref('identifier_values') }}
where refusal is not null and records > 0
