with

events as (
    select
        event_id, event_at, anonymous_id, user_id, device_id, trait_email, user_agent
    from {{ ref('stg_events__events') }}
    where event_at < {{ as_of() }}
),

crawler_agents as (
    select * from {{ ref('crawler_agents') }}
),

shared_cookies as (
    select anonymous_id
    from events
    where user_id is not null and anonymous_id is not null
    group by anonymous_id
    having count(distinct {{ normalize_identifier("'user_id'", 'user_id') }}) > 1
),

on_shared_cookies as (
    -- Nobody is logged in: the person who logged in on this cookie last before, else next.
    select
        events.event_id,
        coalesce(
            events.user_id,
            last_value(events.user_id ignore nulls) over (
                partition by events.anonymous_id order by events.event_at, events.event_id
                rows between unbounded preceding and current row
            ),
            first_value(events.user_id ignore nulls) over (
                partition by events.anonymous_id order by events.event_at, events.event_id
                rows between current row and unbounded following
            )
        ) as present_user_id
    from events
    inner join shared_cookies on events.anonymous_id = shared_cookies.anonymous_id
),

attributed as (
    select
        events.event_id,
        events.event_at,
        coalesce(events.user_id, on_shared_cookies.present_user_id) as user_id,
        events.trait_email as email,
        events.anonymous_id as cookie,
        events.device_id,
        crawler_agents.user_agent is not null as is_bot,
        coalesce(crawler_agents.is_excluded, false) as is_excluded
    from events
    left join crawler_agents
        on events.user_agent = crawler_agents.user_agent
    left join on_shared_cookies on events.event_id = on_shared_cookies.event_id
),

placed as (
    {{ with_profile('attributed', {
        'user_id': 'records.user_id', 'email': 'records.email', 'cookie': 'records.cookie',
        'device_id': 'records.device_id',
    }) }}
)

-- A crawler's event belongs to nobody, even if it uses the cookie of a person.
select event_id, event_at, profile_id, profile_id as visitor_profile_id, is_bot, is_excluded
from placed
where not is_excluded
union all
select event_id, event_at, null, profile_id, is_bot, is_excluded
from placed
where is_excluded
