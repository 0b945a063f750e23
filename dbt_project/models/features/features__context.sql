with spine as (

    select * from {{ ref('spine') }}

),

session_contexts as (

    select * from {{ ref('session_contexts') }}

),

known as (

    select
        spine.profile_id,
        spine.as_of,
        {{ whole_days_before('session_contexts.started_at', 'spine.as_of') }} as age_days,
        {{ all_but('session_contexts', ['profile_id']) }}
    from spine
    left join session_contexts
        on spine.profile_id = session_contexts.profile_id
        and spine.as_of > session_contexts.started_at

),

usual as (

    {{ most_frequent('known', usual_attributes(), 'session_id', 365) }}

),

measured as (

    select
        profile_id,
        as_of,
        {% for attribute in ['utm_source', 'utm_medium', 'utm_campaign', 'referrer'] %}
        {{ earliest_known(attribute, 'started_at', 'session_id') }} as first_{{ attribute }},
        {{ latest_known(attribute, 'started_at', 'session_id') }} as last_{{ attribute }},
        {% endfor %}
        {{ latest_known('device_type', 'started_at', 'session_id') }} as last_device_type,
        {{ latest_known('country', 'started_at', 'session_id') }} as last_country,
        count(distinct device_type) as device_types_lifetime,
        {{ share_of_sessions('is_mobile') }} as mobile_session_share_90d,
        {{ share_of_sessions("daypart = 'evening'") }} as evening_session_share_90d,
        {{ share_of_sessions("daypart = 'evening' and is_mobile") }}
            as evening_mobile_session_share_90d,
        {{ share_of_sessions('is_weekend') }} as weekend_session_share_90d
    from known
    group by profile_id, as_of

)

select
    measured.*,
    {% for attribute in usual_attributes() %}
    usual.{{ attribute }} as usual_{{ attribute }}{{ ',' if not loop.last }}
    {% endfor %}
from measured
left join usual
    on measured.profile_id = usual.profile_id
    and measured.as_of = usual.as_of
