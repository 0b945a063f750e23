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

named as (
    select * from identifier_changes
    union all
    select * from group_changes
),

affected as (
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
