{%- set held = kept('events') -%}
with

current_events as (
    select event_id, profile_id from {{ ref('event_profiles') }}
),

held_events as (
    {%- if held is none or flags.FULL_REFRESH %}
    select event_id, profile_id from current_events where false
    {%- else %}
    select event_id, profile_id from {{ held }}
    {%- endif %}
),

-- Events that are new, gone, or by now another's.
differing as (
    select current_events.profile_id as profile_id, held_events.profile_id as held_profile_id
    from current_events
    full outer join held_events on current_events.event_id = held_events.event_id
    where
        current_events.event_id is null or held_events.event_id is null
        or current_events.profile_id is distinct from held_events.profile_id
)

select coalesce(profile_id, '') as profile_id from differing
union
select coalesce(held_profile_id, '') as profile_id from differing
