-- A record that is not understood is no consent. A refusal that can be read in one counts, for all
-- that it may mean.
with

types as (
    select * from {{ consent_types() }}
),

stated as (
    select * from {{ ref('consent_answers') }} where purpose is not null and not is_granted
),

consents as (
    select * from {{ ref('base_consents') }}
    where outcome = 'quarantined' and identifier is not null
),

records as (
    select
        records.* replace (
            types.identifier_type as identifier_type,
            -- Of a type that nobody knows; staging qualifies a known one.
            {{ own_key('records.identifier', 'consents', "types.identifier_type = 'crm_id'"
                ~ " and records.identifier_type is distinct from 'crm_id'") }} as identifier
        )
    from consents as records
    inner join types
        on
            records.identifier_type = types.identifier_type
            -- A type that nobody knows may be any.
            or records.identifier_type is null
            or records.identifier_type not in {{ consent_types('list') }}
),

mails as (
    select * from {{ ref('base_email_events') }}
    where
        outcome = 'quarantined' and email is not null
        -- The judgement clears a type that it does not know; the record still names it.
        and regexp_matches(
            lower(coalesce(event_type, {{ json_text('_raw', 'event_type') }})),
            'unsub|opt(ed)?.?out|spam|complain|abuse|junk|withdr|revoke'
        )
),

answers as (
    {{ quarantined_answers() }}
    union all
    select record_id, identifier_type, identifier, jurisdiction, occurred_at, _loaded_at,
        consent_string as consent
    from records
    where consent_string is not null
)

select
    'quarantined:' || records.record_id || ':' || records.identifier_type as decision_id,
    records.identifier_type,
    records.identifier,
    {{ known_word('records.purpose', consent_purposes()) }} as purpose,
    {{ known_word('records.channel', consent_channels()) }} as channel,
    'withdrawn' as status,
    records.jurisdiction,
    {{ time_of_refusal('records') }} as decided_at,
    'quarantined' as source,
    records.record_id,
    records.proof
from records
-- A status that is not `granted` is a refusal, and so is none; with a consent string, the string
-- decides.
where records.status <> 'granted' or (records.status is null and records.consent_string is null)
union all
select
    'quarantined:' || mails.record_id || ':email' as decision_id,
    'email' as identifier_type,
    mails.email as identifier,
    'marketing' as purpose,
    'email' as channel,
    'withdrawn' as status,
    cast(null as varchar) as jurisdiction,
    {{ time_of_refusal('mails') }} as decided_at,
    'quarantined' as source,
    mails.record_id,
    cast(null as varchar) as proof
from mails
union all
select
    'quarantined:' || answers.record_id || ':' || answers.identifier_type || ':' || stated.purpose
        as decision_id,
    answers.identifier_type,
    answers.identifier,
    stated.purpose,
    'any' as channel,
    'denied' as status,
    answers.jurisdiction,
    {{ time_of_refusal('answers') }} as decided_at,
    'quarantined' as source,
    answers.record_id,
    answers.consent as proof
from answers
inner join stated on answers.consent = stated.consent
