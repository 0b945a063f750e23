with records as (
    select * from {{ ref('base_support_tickets') }}
    where outcome = 'accepted'
),

newest as (
    select *
    from records
    qualify {{ is_newest_state('ticket_id', 'updated_at') }}
)

select
    record_id,
    ticket_id,
    email,
    user_id,
    subject,
    body,
    channel,
    priority,
    status,
    category,
    created_at,
    updated_at,
    resolved_at,
    satisfaction,
    _batch_id,
    _file,
    _line
from newest
