with

messages as (
    select * from {{ ref('stg_email_events__email_events') }} where occurred_at < {{ as_of() }}
),

placed as (
    {{ with_profile('messages', {'email': 'records.email', 'cookie': 'records.anonymous_id'}) }}
)

select
    event_id as message_id,
    profile_id,
    'email' as channel,
    event_type,
    campaign_id,
    campaign_name,
    subject,
    link_url,
    occurred_at
from placed
