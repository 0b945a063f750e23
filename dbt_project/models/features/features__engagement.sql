with spine as (

    select * from {{ ref('spine') }}

),

messages as (

    select * from {{ ref('messages') }} where profile_id is not null

),

tickets as (

    select * from {{ ref('tickets') }} where profile_id is not null

),

behaviour as (

    select * from {{ ref('features__behaviour') }}

),

value as (

    select * from {{ ref('features__orders') }}

),

known_messages as (

    select
        spine.profile_id,
        spine.as_of,
        messages.event_type,
        {{ whole_days_before('messages.occurred_at', 'spine.as_of') }} as age_days
    from spine
    left join messages
        on spine.profile_id = messages.profile_id
        and spine.as_of > messages.occurred_at

),

known_tickets as (

    select
        spine.profile_id,
        spine.as_of,
        {{ whole_days_before('tickets.created_at', 'spine.as_of') }} as age_days,
        tickets.ticket_id is not null as is_ticket,
        tickets.ticket_id is not null and coalesce(tickets.resolved_at >= spine.as_of, true)
            as is_open,
        {{ seconds_between('tickets.created_at', 'tickets.resolved_at') }} / 3600
            as hours_to_resolve,
        tickets.satisfaction,
        coalesce(tickets.resolved_at < spine.as_of, false) as is_resolved
    from spine
    left join tickets
        on spine.profile_id = tickets.profile_id
        and spine.as_of > tickets.created_at

),

e_mail as (

    select profile_id, as_of, {{ message_features() }} from known_messages group by profile_id,
        as_of

),

support as (

    select profile_id, as_of, {{ ticket_features() }} from known_tickets group by profile_id, as_of

)

select
    e_mail.*,
    {{ all_but('support', ['profile_id', 'as_of']) }},
    {{ engagement_score() }} as engagement_score
from e_mail
inner join support using (profile_id, as_of)
inner join behaviour using (profile_id, as_of)
inner join value using (profile_id, as_of)
