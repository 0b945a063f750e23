with

given as (
    {{ given_profile_ids() }}
),

members as (
    select * from {{ ref('identifier_groups') }}
),

cuts as (
    select * from {{ source('identity_policy', 'policy_cuts') }}
),

previous as (
    {{ previous_mapping() }}
),

held as (
    select given.*, holders.group_node
    from given
    inner join members as holders
        on given.holder_type = holders.identifier_type and given.holder_identifier = holders.identifier
),

stranded as (
    -- The holder is refused by now: the id stays with the strongest identifier that was with it.
    select
        given.holder_type,
        given.holder_identifier,
        min(struct_pack(
            rank := members.priority, at := members.first_seen_at, identifier := members.identifier,
            group_node := members.group_node
        )).group_node as group_node
    from given
    anti join held on given.profile_id = held.profile_id
    inner join previous on given.profile_id = previous.profile_id
    inner join members
        on previous.identifier_type = members.identifier_type and previous.identifier = members.identifier
    group by given.holder_type, given.holder_identifier
),

at_birth as (
    select held.profile_id, held.group_node, births.group_node as birth_group
    from held
    inner join members as births
        on held.born_type = births.identifier_type and held.born_identifier = births.identifier
),

separated as (
    select distinct lefts.group_node as one, rights.group_node as other
    from cuts
    inner join members as lefts on cuts.left_type = lefts.identifier_type and cuts.left_identifier = lefts.identifier
    inner join members as rights
        on cuts.right_type = rights.identifier_type and cuts.right_identifier = rights.identifier
),

returned as (
    -- An operator undid a merge: the id goes back to those it was given to, unless it is all the others have.
    select at_birth.profile_id, at_birth.birth_group
    from at_birth
    inner join separated on at_birth.group_node = separated.one and at_birth.birth_group = separated.other
    where
        at_birth.birth_group not in (select group_node from held)
        and at_birth.group_node in (select group_node from at_birth where group_node = birth_group)
)

select held.profile_id, coalesce(returned.birth_group, held.group_node) as group_node, true as is_holder_known
from held
left join returned on held.profile_id = returned.profile_id
union all
select given.profile_id, stranded.group_node, false as is_holder_known
from given
inner join stranded on given.holder_type = stranded.holder_type and given.holder_identifier = stranded.holder_identifier
