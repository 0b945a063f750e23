{%- set events, sessions = kept('events'), kept('sessions') -%}
{%- set is_kept = events is not none and sessions is not none and not flags.FULL_REFRESH -%}
with

current_events as (
    select event_id, event_at, profile_id from {{ ref('event_profiles') }}
),

existing_events as (
    {%- if is_kept %}
    select event_id, profile_id from {{ events }}
    {%- else %}
    select event_id, profile_id from current_events where false
    {%- endif %}
),

existing_visits as (
    {%- if is_kept %}
    select
        session_id,
        coalesce(profile_id, '') as profile_id,
        started_at - {{ longest_pause() }} as reaches_from,
        ended_at + {{ longest_pause() }} as reaches_to
    from {{ sessions }}
    {%- else %}
    select event_id as session_id, profile_id, event_at as reaches_from, event_at as reaches_to
        from current_events where false
    {%- endif %}
),

differing as (
    select
        current_events.event_at,
        coalesce(current_events.profile_id, '') as profile_id,
        coalesce(existing_events.profile_id, '') as existing_profile_id,
        current_events.event_id is null as is_removed,
        existing_events.event_id is null as is_new
    from current_events
    full outer join existing_events on current_events.event_id = existing_events.event_id
    where
        current_events.event_id is null or existing_events.event_id is null
        or current_events.profile_id is distinct from existing_events.profile_id
),

-- People who lost an event, because it was removed or now belongs to another person: all of their
-- visits.
people as (
    select existing_profile_id as profile_id from differing where not is_new
    union
    select profile_id from differing where not is_new and not is_removed
),

new_events as (
    select profile_id, event_at from differing where is_new
)

select session_id from existing_visits where profile_id in (select profile_id from people)
union
-- A new event joins, prolongs or connects visits of its person within the longest pause of it, and
-- no other.
select existing_visits.session_id
from existing_visits
inner join new_events
    on
        existing_visits.profile_id = new_events.profile_id
        and existing_visits.reaches_from <= new_events.event_at
        and existing_visits.reaches_to >= new_events.event_at
