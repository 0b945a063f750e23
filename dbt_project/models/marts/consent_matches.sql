with

decisions as {{ streamed() }} (
    select identifier_type, identifier, status from {{ ref('consent_decisions') }}
),

email_events as (
    select * from {{ ref('stg_email_events__email_events') }}
),

spellings as (
    select identifier_type, value, identifier from {{ ref('identifier_values') }}
),

claims as (
    select * from {{ ref('identifier_claims') }} where rule = 'seen'
),

refusals as (
    select distinct identifier_type, identifier from decisions
    where status <> 'granted'
),

mapping as (
    select * from {{ ref('identifier_mapping') }}
),

grants as (
    select distinct identifier_type, identifier from decisions
    where status = 'granted'
),

mails as (
    -- Mail that was sent to an address shows that it is known; an unsubscription from it does not.
    select distinct 'email' as identifier_type, {{ normalize_identifier("'email'", 'email') }}
        as identifier
    from email_events
    where event_type not in ('unsubscribe', 'spam_report')
),

stated as (
    select spellings.identifier_type, spellings.identifier
    from spellings
    inner join claims
        on spellings.identifier_type = claims.left_type and spellings.value = claims.left_value
    where
        claims.source not in ('consents', 'email_events')
        and spellings.identifier in (select identifier from refusals)
),

known as (
    select identifier_type, identifier from stated
    union
    select identifier_type, identifier from mails
    union
    select identifier_type, identifier from grants
),

unplaced as (
    select refusals.* from refusals
    anti join known on refusals.identifier_type = known.identifier_type
        and refusals.identifier = known.identifier
),

alike as (
    {{ loose_matches('unplaced', 'mapping') }}
)

select
    unplaced.identifier_type,
    unplaced.identifier,
    alike.meant_type,
    alike.meant
from unplaced
left join alike
    on
        unplaced.identifier_type = alike.identifier_type and unplaced.identifier = alike.identifier
        and (unplaced.identifier_type <> alike.meant_type or unplaced.identifier <> alike.meant)
