with

declared as (
    select
        'consents:' || consent_id as decision_id, identifier_type, identifier, purpose, channel,
        status, jurisdiction, occurred_at as decided_at, coalesce(source, 'consents') as source,
        record_id, proof
    from {{ ref('stg_consents__consents') }}
    -- A refusal counts as soon as it is known, also in a run with an earlier as_of.
    where purpose is not null and (occurred_at < {{ as_of() }} or status is distinct from 'granted')
),

withdrawn as (
    -- A person who unsubscribes or reports spam has withdrawn, even if a form grants elsewhere.
    select
        'email_events:' || event_id as decision_id, 'email' as identifier_type, email as identifier,
        'marketing' as purpose, 'email' as channel, 'withdrawn' as status,
        cast(null as varchar) as jurisdiction,
        occurred_at as decided_at, event_type as source, record_id, cast(null as varchar) as proof
    from {{ ref('stg_email_events__email_events') }}
    where event_type in ('unsubscribe', 'spam_report')
),

texts as (
    -- A banner's answer rides on every event; it counts where it differs from the one before.
    select event_id, event_at, anonymous_id, user_id, country, record_id, consent
    from {{ ref('stg_events__events') }}
    where consent is not null
    qualify consent is distinct from
        lag(consent) over (partition by user_id, anonymous_id order by event_at, event_id)
),

changed as (
    select
        texts.*, answers.purpose, answers.is_granted, answers.stated_in, answers.stated_at,
        lag(answers.is_granted) over answered as was_granted,
        lag(answers.stated_at) over answered as was_stated_at
    from texts
    inner join {{ ref('consent_answers') }} as answers on texts.consent = answers.consent
    where answers.purpose is not null and (texts.event_at < {{ as_of() }} or not answers.is_granted)
    window answered as (
        partition by user_id, anonymous_id, answers.purpose order by event_at, event_id
    )
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
        records.jurisdiction,
        {{ answered_at('records.occurred_at') }} as decided_at,
        answers.stated_in as source, records.record_id, records.consent_string as proof
    from {{ ref('stg_consents__consents') }} as records
    inner join {{ ref('consent_answers') }} as answers on records.consent_string = answers.consent
    where answers.purpose is not null
        and (records.occurred_at < {{ as_of() }} or not answers.is_granted)
),

decisions as (
    select * from declared
    union all
    select
        decision_id, identifier_type, identifier, purpose, channel, status, jurisdiction,
        decided_at, source, record_id, proof
    from {{ ref('quarantined_refusals') }}
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
