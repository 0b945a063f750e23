{{ config(materialized='ephemeral') }}
with

affected as (
    select profile_id, identifier_type, identifier from {{ ref('golden_changes') }}
),

known as (
    select profile_id, identifier_type, identifier from {{ ref('identifier_mapping') }}
),

mapping as (
    select * from {{ 'affected' if is_golden_partial() else 'known' }}
),

corrections as (
    select * from {{ source('observability', 'trait_corrections') }} where undone_at is null
),

policy_traits as (
    select * from {{ source('identity_policy', 'policy_traits') }}
),

attribute_groups as (
    select trait, min(attribute_group) as attribute_group
    from policy_traits
    group by trait
)

select
    mapping.profile_id,
    corrections.trait,
    corrections.value,
    'operator' as source,
    0 as position,
    'corrected by operator' as strategy,
    coalesce(attribute_groups.attribute_group, 'contextual') as attribute_group,
    corrections.correction_id as record_id,
    corrections.recorded_at as first_at,
    corrections.recorded_at as observed_at,
    cast(1 as bigint) as records
from corrections
inner join mapping
    on corrections.identifier_type = mapping.identifier_type
        and corrections.identifier = mapping.identifier
left join attribute_groups on corrections.trait = attribute_groups.trait
