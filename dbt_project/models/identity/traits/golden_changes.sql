{{ config(materialized='transient', database='memory') }}
with

mapping as (
    select profile_id, identifier_type, identifier from {{ ref('identifier_mapping') }}
),

identifier_changes as (
    select identifier_type, identifier from {{ ref('identifier_changes') }}
),

group_changes as (
    select identifier_type, identifier from {{ ref('group_changes') }}
),

mapping_before as (
    select profile_id from {{ ref('mapping_before') }}
),

-- Few, and any of them may be new or undone.
corrections as (
    select identifier_type, identifier from {{ source('observability', 'trait_corrections') }}
),

named as (
    select * from identifier_changes
    union all
    select * from group_changes
    union all
    select * from corrections
),

refused as (
    select * from {{ ref('refused_links') }}
    where reason = 'hub' or starts_with(reason, 'shared_')
),

sharing as (
    -- What is stated of a shared identifier is stated of those who share it.
    select refused.left_type as identifier_type, refused.left_identifier as identifier
    from refused
    semi join named on refused.right_identifier = named.identifier
        and refused.right_type = named.identifier_type
    where refused.right_type in ('email', 'phone')
    union
    select refused.right_type, refused.right_identifier
    from refused
    semi join named on refused.left_identifier = named.identifier
        and refused.left_type = named.identifier_type
    where refused.left_type in ('email', 'phone')
),

affected as (
    select mapping.profile_id from mapping
    semi join sharing on mapping.identifier = sharing.identifier
        and mapping.identifier_type = sharing.identifier_type
    union
    select mapping.profile_id from mapping
    semi join named on mapping.identifier = named.identifier
        and mapping.identifier_type = named.identifier_type
    union
    select profile_id from mapping_before
)

select affected.profile_id, mapping.identifier_type, mapping.identifier
from affected
left join mapping on affected.profile_id = mapping.profile_id
where {{ is_golden_partial() | lower }}
