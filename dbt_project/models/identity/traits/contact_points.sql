{{ config(materialized='transient', database='memory') }}
with

refused as (
    select * from {{ ref('refused_links') }}
),

policy_links as (
    select * from {{ source('identity_policy', 'policy_links') }}
),

golden_changes as (
    select profile_id, identifier_type, identifier from {{ ref('golden_changes') }}
),

identifier_mapping as (
    select profile_id, identifier_type, identifier from {{ ref('identifier_mapping') }}
),

mapping as (
    select * from {{ 'golden_changes' if is_golden_partial() else 'identifier_mapping' }}
)

{{ stated_addresses('refused', 'policy_links', 'mapping') }}
