with spine as (

    select * from {{ ref('spine') }}

),

activity_days as (

    select * from {{ ref('activity_days') }}

),

aged as (

    select
        spine.profile_id,
        spine.as_of,
        spine.first_seen_at,
        activity_days.days_before_clock - spine.days_before_clock as age_days,
        {{ all_but('activity_days', ['profile_id', 'days_before_clock']) }}
    from spine
    left join activity_days
        on spine.profile_id = activity_days.profile_id
        and spine.days_before_clock <= activity_days.days_before_clock

)

select
    profile_id,
    as_of,
    {% for suffix, days in windows().items() %}
    {% for measure in windowed_measures() %}
    {{ count_in(measure, days) }} as {{ measure }}_{{ suffix }},
    {% endfor %}
    {{ count_in('(events > 0)::integer', days) }} as active_days_{{ suffix }},
    {% endfor %}
    {{ count_in('demo_requests') }} as demo_requests_lifetime,
    {{ trend('sessions', 7) }} as sessions_trend_7d,
    {{ trend('sessions', 30) }} as sessions_trend_30d,
    {{ trend('product_views', 30) }} as product_views_trend_30d,
    {{ trend('sessions', 90) }} as sessions_trend_90d,
    {{ share(count_in('page_views', 90), count_in('sessions', 90)) }} as pages_per_session_90d,
    {{ share(count_in('searches', 90), count_in('sessions', 90)) }} as searches_per_session_90d,
    {{ share(count_in('dwell_seconds', 90), count_in('closed_sessions', 90)) }}
        as average_session_seconds_90d,
    {{ share(count_in('cart_abandonments', 90), count_in('cart_sessions', 90)) }}
        as cart_abandonment_rate_90d,
    max(last_event_at) as last_event_at,
    {{ whole_days_before('max(last_event_at)', 'as_of') }} as days_since_last_event,
    {{ whole_days_before('min(first_seen_at)', 'as_of') }} as days_since_first_seen
from aged
group by profile_id, as_of
