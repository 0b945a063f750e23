{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ remove_affected_visits() }}"
) }}
{#- An event that does not exist here is new, or of an affected visit: computed from all events of
    those and all new ones, visits are complete. -#}
with

events as (
    select * from {{ ref('stg_events__events') }}
    where event_at < {{ as_of() }}
    {%- if is_incremental() %}
        and event_id not in (select event_id from {{ this }})
    {%- endif %}
),

event_profiles as (
    select * from {{ ref('event_profiles') }}
),

placed as (
    select
        events.*,
        event_profiles.profile_id,
        coalesce(event_profiles.is_bot, false) as is_bot,
        -- One visitor on one device: a visit does not run across two browsers of the same person.
        coalesce(event_profiles.profile_id, '') || ':'
            || coalesce(events.anonymous_id, events.device_id, events.user_id, events.event_id)
                as visitor
    from events
    left join event_profiles on events.event_id = event_profiles.event_id
),

gaps as (
    select
        *,
        lag(event_at) over (
            partition by visitor, tracker_session_id order by event_at, event_id
        ) as previous_at
    from placed
),

starts as (
    select
        *,
        case when previous_at is null or event_at - previous_at > {{ longest_pause() }}
            then event_id end as start_id
    from gaps
)

select
    event_id,
    profile_id,
    md5(last_value(start_id ignore nulls) over (
        partition by visitor, tracker_session_id order by event_at, event_id
        rows between unbounded preceding and current row
    )) as session_id,
    type,
    event,
    event_at,
    page_name,
    product_id,
    category,
    brand,
    price,
    quantity,
    order_id,
    revenue,
    device_type,
    os_name,
    browser_name,
    country,
    region,
    city,
    timezone,
    utm_source,
    utm_medium,
    utm_campaign,
    referrer,
    search_query,
    properties,
    is_bot,
    tracker_session_id
from starts
