with

declared as (
    select
        'consents:' || consent_id as decision_id, identifier_type, identifier, purpose, channel, status, jurisdiction,
        occurred_at as decided_at, coalesce(source, 'consents') as source, record_id
    from {{ ref('stg_consents__consents') }}
    -- A refusal counts as soon as it is known, whatever time a run pretends it is.
    where occurred_at < {{ as_of() }} or status is distinct from 'granted'
),

withdrawn as (
    -- Who unsubscribes or reports spam has withdrawn, whatever a form says elsewhere.
    select
        'email_events:' || event_id as decision_id, 'email' as identifier_type, email as identifier,
        'marketing' as purpose, 'email' as channel, 'withdrawn' as status, cast(null as varchar) as jurisdiction,
        occurred_at as decided_at, event_type as source, record_id
    from {{ ref('stg_email_events__email_events') }}
    where event_type in ('unsubscribe', 'spam_report')
),

banners as (
    {%- for purpose in ['marketing', 'analytics', 'personalization'] %}
    select event_id, event_at, anonymous_id, user_id, country, record_id,
        '{{ purpose }}' as purpose, consent_{{ purpose }} as is_granted
    from {{ ref('stg_events__events') }}
    where consent_{{ purpose }} is not null and (event_at < {{ as_of() }} or not consent_{{ purpose }})
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

changed as (
    -- A banner's answer rides on every event; the decision is where it differs from the one before.
    select
        *,
        lag(is_granted) over (partition by user_id, anonymous_id, purpose order by event_at, event_id) as was_granted
    from banners
),

answered as (
    select
        'events:' || event_id || ':' || purpose as decision_id,
        case when user_id is null then 'cookie' else 'user_id' end as identifier_type,
        coalesce(user_id, anonymous_id) as identifier, purpose, 'any' as channel,
        case when is_granted then 'granted' else 'denied' end as status, country as jurisdiction,
        event_at as decided_at, 'events' as source, record_id
    from changed
    where was_granted is distinct from is_granted
),

decisions as (
    select * from declared
    union all
    select * from withdrawn
    union all
    select * from answered
),

placed as (
    select
        decisions.*,
        decisions.identifier as stated_identifier,
        {{ normalize_identifier('identifier_type', 'identifier') }} as normal_identifier
    from decisions
)

select
    placed.decision_id,
    mapping.profile_id,
    placed.identifier_type,
    coalesce(placed.normal_identifier, placed.stated_identifier) as identifier,
    placed.purpose,
    placed.channel,
    placed.status,
    placed.jurisdiction,
    placed.decided_at,
    placed.source,
    placed.record_id
from placed
left join {{ ref('identifier_mapping') }} as mapping
    on placed.identifier_type = mapping.identifier_type and placed.normal_identifier = mapping.identifier
