{{ config(materialized='view') }}

with records as (
    select * from {{ ref('base_email_events') }}
    where outcome = 'accepted'
)

select
    record_id,
    event_id,
    event_type,
    email,
    campaign_id,
    campaign_name,
    subject,
    link_url,
    anonymous_id,
    user_agent,
    occurred_at,
    _batch_id,
    _file,
    _line
from records
