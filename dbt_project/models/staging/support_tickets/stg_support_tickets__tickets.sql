with records as (
    select * from {{ ref('base_support_tickets') }}
    where outcome = 'accepted'
),

-- An accepted record is unique by ticket_id and updated_at: the newest state of each.
newest as (
    select *
    from records
    qualify row_number() over (partition by ticket_id order by updated_at desc) = 1
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
