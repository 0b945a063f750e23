{{ config(materialized='incremental', incremental_strategy='delete+insert',
    unique_key='profile_id') }}
with

all_ids as (
    select * from {{ ref('profile_ids') }}
),

given as (
    select * from {{ ids_in_question('all_ids') }} as ids
),

homes as (
    select * from {{ ref('profile_homes') }}
),

placed as (
    -- An id that was given in this run has no earlier group: it is in the group of its holder.
    select given.*, coalesce(homes.group_node, groups.group_node) as group_node
    from given
    left join homes on given.profile_id = homes.profile_id
    left join {{ groups_in_question() }} as groups
        on given.holder_type = groups.identifier_type
            and given.holder_identifier = groups.identifier
)

select
    profile_id,
    -- The older id survives. An id without a known identifier resolves to itself.
    case
        when group_node is null then profile_id
        else first_value(profile_id) over (partition by group_node order by given_at, first_seen_at,
            profile_id)
    end as current_profile_id,
    group_node
from placed
