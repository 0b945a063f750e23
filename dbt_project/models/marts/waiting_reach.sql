{{ config(materialized='view') }}
with

waiting as (
    select
        'consents:' || consent_id as decision_id, identifier_type, identifier,
        purpose, channel, decided_at,
        least(decided_at, {{ as_of() }}) as since
    from {{ source('activation', 'waiting_refusals') }}
),

mapping as (
    select * from {{ ref('identifier_mapping') }}
),

seeds as (
    select distinct
        md5(concat_ws(chr(31), identifier_type, identifier, cast(since as varchar))) as seed_id,
        identifier_type,
        identifier,
        since
    from waiting
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
    waiting.decision_id, waiting.identifier_type, waiting.identifier, former.profile_id,
    'former' as reached_by,
    waiting.purpose, waiting.channel, waiting.decided_at, former.left_at
from waiting
inner join former
    on
        waiting.identifier_type = former.identifier_type
            and waiting.identifier = former.identifier
        and waiting.since = former.since
union all
select
    waiting.decision_id, waiting.identifier_type, waiting.identifier, mapping.profile_id,
    'possible' as reached_by,
    waiting.purpose, waiting.channel, waiting.decided_at, cast(null as timestamp) as left_at
from waiting
left join mapping
    on waiting.identifier_type = mapping.identifier_type
        and waiting.identifier = mapping.identifier
