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
    {{ reach_seeds('waiting') }}
),

reached as (
    {{ reached_profiles('seeds') }}
)

{{ reach_rows('waiting', possible='waiting') }}
