{{ config(materialized='ephemeral') }}
with

affected as (
    select profile_id, identifier_type, identifier from {{ ref('golden_changes') }}
),

known as (
    select profile_id, identifier_type, identifier from {{ ref('identifier_mapping') }}
),

contact_points as (
    select profile_id, identifier_type, identifier from {{ ref('contact_points') }}
),

claims as (
    select * from {{ ref('trait_claims') }}
),

mapping as (
    select * from {{ 'affected' if is_golden_partial() else 'known' }}
),

points as (
    -- E-mail and phone are identifiers and traits at once; a shared one is a trait of each person.
    select * from mapping where identifier_type in ('email', 'phone')
    union
    select * from contact_points
),

accepted as (
    select * from {{ ref('identifier_values') }} where identifier is not null
        {% if is_golden_partial() -%} and (identifier in (select identifier from affected)
            or identifier in (select identifier from points)) {%- endif %}
),

seen as (
    select * from {{ ref('identifier_claims') }}
    where rule = 'seen' and left_type in ('email', 'phone')
        {% if is_golden_partial() %} and left_value in (select value from accepted) {% endif %}
),

spellings as (
    {{ merged_claims('select * from seen') }}
),

choices as (
    select * from {{ source('identity_policy', 'policy_traits') }}
),

strategies as (
    select trait, min(strategy) as strategy, min(attribute_group) as attribute_group
    from choices group by trait
),

addresses as (
    select
        points.profile_id, spellings.left_type as trait, accepted.identifier as value,
        spellings.source, spellings.record_id, spellings.first_seen_at as first_at,
        spellings.last_seen_at as observed_at, spellings.records
    from spellings inner join accepted
        on spellings.left_type = accepted.identifier_type and spellings.left_value = accepted.value
        and spellings.country is not distinct from accepted.country
    inner join points
        on accepted.identifier_type = points.identifier_type
            and accepted.identifier = points.identifier
),

named as (
    -- Claims name people as their records spell them.
    select
        mapping.profile_id, claims.trait, claims.value, claims.source, claims.record_id,
        claims.first_at, claims.observed_at, claims.records
    from claims
    inner join accepted
        on claims.identifier_type = accepted.identifier_type and claims.identifier = accepted.value
    inner join mapping
        on accepted.identifier_type = mapping.identifier_type
            and accepted.identifier = mapping.identifier
),

statements as (
    select * from named
    union all
    select * from addresses
)

select
    statements.profile_id, statements.trait, statements.value, statements.source,
    coalesce(choices.position, 99) as position,
    coalesce(strategies.strategy, 'most_recent') as strategy,
    coalesce(strategies.attribute_group, 'contextual') as attribute_group,
    max(statements.record_id) as record_id,
    min(statements.first_at) as first_at, max(statements.observed_at) as observed_at,
    cast(sum(statements.records) as bigint) as records
from statements
left join choices on statements.trait = choices.trait and statements.source = choices.source
left join strategies on statements.trait = strategies.trait
group by all
