{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='profile_id', full_refresh=false
) }}
with

groups as (
    select
        group_node,
        min(struct_pack(rank := priority, at := first_seen_at, kind := identifier_type, identifier := identifier))
            as strongest,
        min(struct_pack(at := first_seen_at, rank := priority, kind := identifier_type, identifier := identifier))
            as earliest
    from {{ ref('identifier_groups') }}
    group by group_node
),

given as (
    {% if is_incremental() -%}
    select * from {{ this }}
    {%- else -%}
    select
        cast(null as varchar) as profile_id, cast(null as varchar) as holder_type,
        cast(null as varchar) as holder_identifier, cast(null as varchar) as born_type,
        cast(null as varchar) as born_identifier, cast(null as timestamp) as given_at,
        cast(null as timestamp) as first_seen_at
    where false
    {%- endif %}
),

held as (
    select given.*, holders.group_node
    from given
    inner join {{ ref('identifier_groups') }} as holders
        on given.holder_type = holders.identifier_type and given.holder_identifier = holders.identifier
),

rebound as (
    -- An id follows the strongest identifier of its person, so that it stays when a weaker one leaves.
    select
        held.profile_id, groups.strongest.kind as holder_type, groups.strongest.identifier as holder_identifier,
        held.born_type, held.born_identifier, held.given_at, held.first_seen_at
    from held
    inner join groups on held.group_node = groups.group_node
    where
        held.holder_type is distinct from groups.strongest.kind
        or held.holder_identifier is distinct from groups.strongest.identifier
),

births as (
    select groups.*, count(given.profile_id) as namesakes
    from groups
    anti join held on groups.group_node = held.group_node
    left join given
        on groups.earliest.kind = given.born_type and groups.earliest.identifier = given.born_identifier
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
