with

consents as {{ streamed() }} (
    select * from {{ ref('stg_consents__consents') }}
),

email_events as (
    select * from {{ ref('stg_email_events__email_events') }}
    where event_type in ('unsubscribe', 'spam_report')
),

events as (
    select * from {{ ref('stg_events__events') }} where consent is not null
),

answers as (
    select * from {{ ref('consent_answers') }} where purpose is not null
),

quarantined as (
    select * from {{ ref('quarantined_refusals') }}
),

declared as (
    select
        'consents:' || consent_id as decision_id, identifier_type, identifier, purpose, channel,
        status, jurisdiction, occurred_at as decided_at, coalesce(source, 'consents') as source,
        record_id, proof
    from consents
    -- A refusal counts as soon as it is known, also in a run with an earlier as_of.
    where purpose is not null and (occurred_at < {{ as_of() }} or status is distinct from 'granted')
),

withdrawn as (
    -- A person who unsubscribes or reports spam has withdrawn, even if a form grants elsewhere.
    select
        'email_events:' || event_id as decision_id, 'email' as identifier_type, email as identifier,
        'marketing' as purpose, 'email' as channel, 'withdrawn' as status,
        cast(null as varchar) as jurisdiction, occurred_at as decided_at, event_type as source,
        record_id, cast(null as varchar) as proof
    from email_events
),

changed as (
    {{ changed_answers('events', 'answers') }}
),

answered as (
    {{ answered_decisions('(
        select * from changed
        where was_granted is distinct from is_granted or was_stated_at is distinct from stated_at
    )') }}
),

stated as (
    select
        'consents:' || consent_id || ':' || answers.purpose as decision_id,
        records.identifier_type, records.identifier, answers.purpose, 'any' as channel,
        case when answers.is_granted then 'granted' else 'denied' end as status,
        records.jurisdiction, {{ answered_at('records.occurred_at') }} as decided_at,
        answers.stated_in as source, records.record_id, records.consent_string as proof
    from consents as records
    inner join answers on records.consent_string = answers.consent
    where records.occurred_at < {{ as_of() }} or not answers.is_granted
),

decisions as (
    select * from declared
    union all
    select
        decision_id, identifier_type, identifier, purpose, channel, status, jurisdiction,
        decided_at, source, record_id, proof
    from quarantined
    union all
    select * from withdrawn
    union all
    select * from answered
    union all
    select * from stated
),

final as (
    select
        decision_id,
        identifier_type,
        coalesce(
            {{ normalize_identifier('identifier_type', 'identifier', 'jurisdiction') }}, identifier
        ) as identifier,
        lower(trim(purpose)) as purpose,
        coalesce(lower(trim(channel)), 'any') as channel,
        lower(trim(status)) as status,
        jurisdiction,
        decided_at,
        source,
        record_id,
        proof
    from decisions
)

select * from final
