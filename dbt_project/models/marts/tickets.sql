with

tickets as (
    select * from {{ ref('stg_support_tickets__tickets') }} where created_at < {{ as_of() }}
),

placed as (
    {{ with_profile('tickets', {'user_id': 'records.user_id', 'email': 'records.email'}) }}
)

select
    ticket_id,
    profile_id,
    subject,
    body,
    channel,
    priority,
    status,
    category,
    created_at,
    updated_at,
    resolved_at,
    satisfaction
from placed
