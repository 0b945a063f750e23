{{ config(materialized='view') }}

with records as (
    select * from {{ ref('base_consents') }}
    where outcome = 'accepted'
)

select
    record_id,
    consent_id,
    identifier_type,
    identifier,
    purpose,
    channel,
    status,
    jurisdiction,
    occurred_at,
    source,
    proof,
    consent_string,
    _batch_id,
    _file,
    _line
from records
