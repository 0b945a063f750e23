{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='profile_id',
    full_refresh=false
) }}
with

groups as (
    select
        group_node,
        min(struct_pack(rank := priority, at := first_seen_at, kind := identifier_type,
            identifier := identifier))
            as strongest,
        min(struct_pack(at := first_seen_at, rank := priority, kind := identifier_type,
            identifier := identifier))
            as earliest
    from {{ groups_in_question() }} as members
    group by group_node
),

homes as (
    select * from {{ ref('profile_homes') }}
),

given as (
    {{ given_profile_ids() }}
),

rebound as (
    -- An id follows the strongest identifier of its person, so that it stays when a weaker one
    -- leaves.
    select
        given.profile_id, groups.strongest.kind as holder_type,
        groups.strongest.identifier as holder_identifier,
        given.born_type, given.born_identifier, given.given_at, given.first_seen_at
    from given
    inner join homes on given.profile_id = homes.profile_id
    inner join groups on homes.group_node = groups.group_node
    where
        given.holder_type is distinct from groups.strongest.kind
        or given.holder_identifier is distinct from groups.strongest.identifier
),

births as (
    select groups.*, count(given.profile_id) as namesakes
    from groups
    anti join homes on groups.group_node = homes.group_node
    left join given
        on groups.earliest.kind = given.born_type and groups.earliest.identifier
            = given.born_identifier
    group by all
)

select * from rebound
union all
select
    -- An id is never given twice: a second profile that begins with the same identifier counts on.
    md5(concat_ws(chr(31), earliest.kind, earliest.identifier, nullif(namesakes, 0))) as profile_id,
    strongest.kind,
    strongest.identifier,
    earliest.kind,
    earliest.identifier,
    {{ as_of() }},
    earliest.at
from births
