{{ config(materialized='passing', database='memory') }}
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

held as (
    select given.*, holders.group_node
    from given
    inner join members as holders
        on given.holder_type = holders.identifier_type
            and given.holder_identifier = holders.identifier
),

stranded as (
    -- The holder is no more: the id stays with the strongest identifier that was with it, and has
    -- that one's group hold it from now on. Those that merged into it go the same way.
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
        on previous.identifier_type = members.identifier_type
            and previous.identifier = members.identifier
    group by given.holder_type, given.holder_identifier
)

select held.profile_id, coalesce(restored.group_node, held.group_node) as group_node
from held
left join restored on held.profile_id = restored.profile_id
union all
select given.profile_id, stranded.group_node
from given
inner join stranded on given.holder_type = stranded.holder_type
    and given.holder_identifier = stranded.holder_identifier
