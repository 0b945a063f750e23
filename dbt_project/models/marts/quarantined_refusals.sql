-- A record that is not understood is no consent. A refusal that can be read in one counts, for all that it may mean.
with

types as (
    select * from {{ consent_types() }}
),

records as (
    select * from {{ ref('base_consents') }}
    where outcome = 'quarantined' and identifier is not null and status <> 'granted'
),

mails as (
    select * from {{ ref('base_email_events') }}
    where
        outcome = 'quarantined' and email is not null
        and regexp_matches(lower(event_type), 'unsub|opt.?out|spam|complain')
)

select
    'quarantined:' || records.record_id || ':' || types.identifier_type as decision_id,
    types.identifier_type,
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
inner join types
    on
        records.identifier_type = types.identifier_type
        -- A type that nobody knows may be any.
        or records.identifier_type is null
        or records.identifier_type not in {{ consent_types('list') }}
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
