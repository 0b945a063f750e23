with

groups as (
    select * from {{ ref('identifier_groups') }}
),

profiles as (
    select distinct group_node, current_profile_id as profile_id
    from {{ ref('profile_resolution') }}
    where group_node is not null
)

select
    groups.identifier_type,
    groups.identifier,
    profiles.profile_id,
    groups.first_seen_at,
    groups.last_seen_at
from groups
inner join profiles on groups.group_node = profiles.group_node
