{{ config(materialized='transient', database='memory') }}
with

given as (
    select * from {{ ids_in_question('(' ~ given_profile_ids() ~ ')') }} as ids
    {%- if is_partial() %}
    union all
    {{ ids_without_holder(kept('profile_ids')) }}
    {%- endif %}
),

members as (
    select * from {{ groups_in_question() }} as groups
),

previous as (
    {{ previous_mapping() }}
),

restored as (
    select profile_id, group_node from {{ ref('restored_homes') }}
),

bound as (
    select given.*, holders.group_node
    from given
    inner join members as holders
        on given.holder_type = holders.identifier_type
            and given.holder_identifier = holders.identifier
),

stranded as (
    -- The identifier that the id was bound to is removed: the id is bound to the strongest
    -- identifier that was with it. Ids that merged into it follow.
    select
        given.holder_type,
        given.holder_identifier,
        min(struct_pack(
            rank := members.priority, at := members.first_seen_at, identifier := members.identifier,
            group_node := members.group_node
        )).group_node as group_node
    from given
    anti join bound on given.profile_id = bound.profile_id
    inner join previous on given.profile_id = previous.profile_id
    inner join members
        on previous.identifier_type = members.identifier_type
            and previous.identifier = members.identifier
    group by given.holder_type, given.holder_identifier
)

select bound.profile_id, coalesce(restored.group_node, bound.group_node) as group_node
from bound
left join restored on bound.profile_id = restored.profile_id
union all
select given.profile_id, stranded.group_node
from given
inner join stranded on given.holder_type = stranded.holder_type
    and given.holder_identifier = stranded.holder_identifier
