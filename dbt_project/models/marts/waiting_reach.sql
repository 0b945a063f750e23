{{ config(materialized='view') }}
with

refusals as (
    select * from {{ source('activation', 'waiting_refusals') }}
),

restrictions as (
    select * from {{ source('activation', 'restrictions') }} where lifted_at is null
),

waiting as (
    select
        'consents:' || consent_id as decision_id, identifier_type, identifier,
        purpose, channel, decided_at,
        least(decided_at, {{ as_of() }}) as since
    from refusals
    union all
    -- Without a time: no grant is later, so nothing but `segmentry privacy lift` ends it.
    select
        'restriction:' || restriction_id, identifier_type, identifier, purpose, 'any',
        cast(null as timestamp), least(since, {{ as_of() }})
    from restrictions
),

mapping as (
    select * from {{ ref('identifier_mapping') }}
),

seeds as (
    {{ reach_seeds('waiting') }}
),

reached as (
    {{ reached_profiles('seeds') }}
)

{{ reach_rows('waiting', possible='waiting') }}
