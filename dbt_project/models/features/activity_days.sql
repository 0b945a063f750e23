{#- Every measure is placed on the day it became known: events when they happened, a session's
    length and its abandoned cart when thirty minutes have passed since its last event and nothing
    can join it any more. -#}
with events as (

    select * from {{ ref('events') }}
    where profile_id is not null and event_at < {{ as_of() }} and {{ is_of_a_visit('event') }}

),

sessions as (

    select * from {{ ref('sessions') }} where profile_id is not null and started_at < {{ as_of() }}

),

measured as (

    select
        profile_id,
        event_at as known_at,
        1 as events,
        (type in ('page', 'screen'))::integer as page_views,
        (event = 'Product Viewed')::integer as product_views,
        (event = 'Products Searched')::integer as searches,
        (event = 'Product Added')::integer as cart_adds,
        (event = 'Checkout Started')::integer as checkouts,
        (type = 'page' and page_name = 'Pricing')::integer as pricing_views,
        (event = 'Demo Requested')::integer as demo_requests,
        0 as sessions,
        0 as closed_sessions,
        0 as cart_sessions,
        0 as cart_abandonments,
        0 as dwell_seconds
    from events

    union all

    select profile_id, started_at, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0
    from sessions

    union all

    select
        profile_id,
        ended_at + interval '30 minutes',
        0, 0, 0, 0, 0, 0, 0, 0, 0,
        1,
        (carts > 0)::integer,
        (carts > 0 and orders = 0)::integer,
        dwell_seconds
    from sessions
    where ended_at + interval '30 minutes' < {{ as_of() }}

)

select
    profile_id,
    {{ whole_days_before('known_at', as_of()) }} as days_before_clock,
    max(known_at) filter (where events > 0) as last_event_at,
    min(known_at) filter (where events > 0) as first_event_at,
    {% for measure in activity_measures() %}
    sum({{ measure }})::bigint as {{ measure }}{{ ',' if not loop.last }}
    {% endfor %}
from measured
group by 1, 2
