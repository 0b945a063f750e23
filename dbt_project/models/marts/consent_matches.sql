with

refusals as (
    select distinct identifier_type, identifier from {{ ref('consent_decisions') }}
    where status <> 'granted'
),

mapping as (
    select * from {{ ref('identifier_mapping') }}
),

grants as (
    select distinct identifier_type, identifier from {{ ref('consent_decisions') }}
    where status = 'granted'
),

mails as (
    -- Mail that was sent to an address shows that it is known; an unsubscription from it does not.
    select distinct 'email' as identifier_type, {{ normalize_identifier("'email'", 'email') }} as identifier
    from {{ ref('stg_email_events__email_events') }}
    where event_type not in ('unsubscribe', 'spam_report')
),

stated as (
    select spellings.identifier_type, spellings.identifier
    from {{ ref('identifier_values') }} as spellings
    inner join {{ ref('identifier_claims') }} as claims
        on spellings.identifier_type = claims.left_type and spellings.value = claims.left_value
    where
        claims.rule = 'seen' and claims.source not in ('consents', 'email_events')
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
    anti join known on refusals.identifier_type = known.identifier_type and refusals.identifier = known.identifier
),

asked as (
    select identifier_type, identifier, unnest({{ loose_identifier_keys('identifier_type', 'identifier') }}) as loose_key
    from unplaced
),

candidates as (
    select identifier_type, identifier, unnest({{ loose_identifier_keys('identifier_type', 'identifier') }}) as loose_key
    from mapping
    where identifier_type in (select identifier_type from unplaced)
),

alike as (
    select asked.identifier_type, asked.identifier, candidates.identifier_type as meant_type, candidates.identifier as meant
    from asked
    inner join candidates on asked.identifier_type = candidates.identifier_type and asked.loose_key = candidates.loose_key
    union
    -- The type may be wrong: an address given as a customer number, or the other way round.
    {%- for type in consent_types('names') %}
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from unplaced
    inner join mapping
        on mapping.identifier_type = '{{ type }}'
        and mapping.identifier = {{ normalize_identifier("'" ~ type ~ "'", 'unplaced.identifier') }}
    {{ 'union' if not loop.last }}
    {%- endfor %}
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
