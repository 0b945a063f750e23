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
    select distinct
        md5(concat_ws(chr(31), identifier_type, identifier, cast(since as varchar))) as seed_id,
        identifier_type,
        identifier,
        since
    from counting
    where identifier in (select identifier from homes)
),

reached as (
    {{ reached_profiles('seeds') }}
),

former as (
    select seeds.identifier_type, seeds.identifier, seeds.since, reached.profile_id, reached.left_at
    from reached
    inner join seeds on reached.seed_id = seeds.seed_id
    anti join mapping
        on
            seeds.identifier_type = mapping.identifier_type
                and seeds.identifier = mapping.identifier
            and reached.profile_id = mapping.profile_id
)

select
    counting.decision_id, counting.identifier_type, counting.identifier, former.profile_id,
    'former' as reached_by,
    counting.purpose, counting.channel, counting.decided_at, former.left_at
from counting
inner join former
    on
        counting.identifier_type = former.identifier_type
            and counting.identifier = former.identifier
        and counting.since = former.since
union all
select
    possible.decision_id, possible.identifier_type, possible.identifier, mapping.profile_id,
    'possible' as reached_by,
    possible.purpose, possible.channel, possible.decided_at, cast(null as timestamp) as left_at
from possible
left join mapping
    on possible.identifier_type = mapping.identifier_type
        and possible.identifier = mapping.identifier
