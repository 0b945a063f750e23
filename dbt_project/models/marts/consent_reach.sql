with

refusals as (
    select
        decision_id, identifier_type, identifier, purpose, channel, decided_at,
        -- One that is dated ahead counts as soon as it is known; one without a time counts for
        -- ever.
        least(coalesce(decided_at, timestamp '0001-01-01'), {{ as_of() }}) as since
    from {{ ref('consents') }}
    where status <> 'granted'
),

mapping as (
    select * from {{ ref('identifier_mapping') }}
),

matches as (
    select * from {{ ref('consent_matches') }} where meant is not null
),

homes as (
    select identifier from {{ ref('identifier_homes') }}
),

-- A refusal that no identifier known here matches counts for all that it may mean.
possible as (
    select refusals.* replace (matches.meant_type as identifier_type, matches.meant as identifier)
    from refusals
    inner join matches
        on refusals.identifier_type = matches.identifier_type
            and refusals.identifier = matches.identifier
),

counting as (
    select *, false as is_possible from refusals
    union all
    select *, true as is_possible from possible
),

seeds as (
    {{ reach_seeds('counting') }}
    where identifier in (select identifier from homes)
),

reached as (
    {{ reached_profiles('seeds') }}
)

{{ reach_rows('counting', possible='possible') }}
