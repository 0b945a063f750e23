{{ config(
    materialized='incremental', incremental_strategy='append', on_schema_change='fail',
    pre_hook="{{ remove_affected_visits() }}"
) }}
with

events as (
    select * from {{ ref('events') }}
    where {{ is_of_a_visit('event') }}
    {%- if is_incremental() %}
        and session_id not in (select session_id from {{ this }})
    {%- endif %}
),

opened as (
    select *, row_number() over (partition by session_id order by event_at, event_id) as place
        from events
),

visits as (
    select
        session_id,
        min(profile_id) as profile_id,
        min(tracker_session_id) as tracker_session_id,
        min(event_at) as started_at,
        max(event_at) as ended_at,
        count(*) as events,
        count_if(type in ('page', 'screen')) as page_views,
        count_if(event = 'Product Viewed') as product_views,
        count_if(event = 'Product Added') as carts,
        count_if(event = 'Checkout Started') as checkouts,
        count_if(event = 'Order Completed') as orders,
        max(case when place = 1 then device_type end) as device_type,
        max(case when place = 1 then os_name end) as os_name,
        max(case when place = 1 then browser_name end) as browser_name,
        max(case when place = 1 then country end) as country,
        max(case when place = 1 then region end) as region,
        max(case when place = 1 then city end) as city,
        max(case when place = 1 then timezone end) as timezone,
        max(case when place = 1 then utm_source end) as utm_source,
        max(case when place = 1 then utm_medium end) as utm_medium,
        max(case when place = 1 then utm_campaign end) as utm_campaign,
        max(case when place = 1 then referrer end) as referrer
    from opened
    group by session_id
)

select
    session_id,
    profile_id,
    started_at,
    ended_at,
    events,
    page_views,
    product_views,
    carts,
    checkouts,
    orders,
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
    tracker_session_id,
    coalesce(device_type = 'mobile', false) as is_mobile,
    cast(date_diff('second', started_at, ended_at) as bigint) as dwell_seconds
from visits
