{{ config(
    materialized='incremental', incremental_strategy='delete+insert', unique_key='merge_event_id',
    full_refresh=false
) }}
with

resolution as (
    select * from {{ ref('profile_resolution') }} where group_node is not null
),

mapping as (
    select * from {{ mapping_in_question() }} as mapping
),

previous as (
    {{ previous_mapping() }}
),

refused as (
    select link_id from {{ ref('refused_links') }}
),

changed as (
    select mapping.identifier_type, mapping.identifier, previous.profile_id as was,
        mapping.profile_id as becomes
    from mapping
    inner join previous
        on mapping.identifier_type = previous.identifier_type
            and mapping.identifier = previous.identifier
    where mapping.profile_id <> previous.profile_id
),

moves as (
    -- An id that lives on elsewhere and lost some identifiers was split; one that now leads
    -- elsewhere was merged.
    select
        case when resolution.current_profile_id = changed.was then 'split'
            else 'merge' end as event,
        changed.was,
        changed.becomes,
        count(*) as identifiers
    from changed
    inner join resolution on changed.was = resolution.profile_id
    group by all
),

bridges as (
    select
        lefts.was as left_was, rights.was as right_was,
        links.rule, links.record_id, links.strength, links.first_seen_at, links.link_id
    from {{ links_in_question() }} as links
    anti join refused on links.link_id = refused.link_id
    left join changed as lefts
        on links.left_type = lefts.identifier_type and links.left_identifier = lefts.identifier
    left join changed as rights
        on links.right_type = rights.identifier_type and links.right_identifier = rights.identifier
    where lefts.was is distinct from rights.was
),

joining as (
    -- The newest link that leads out of what the merged profile was is the one that brought it
    -- here.
    select was, max(struct_pack(at := first_seen_at, link := link_id, rule := rule,
        record_id := record_id)) as link
    from (
        select left_was as was, * exclude (left_was, right_was) from bridges
            where left_was is not null
        union all
        select right_was as was, * exclude (left_was, right_was) from bridges
            where right_was is not null
    ) as sides
    group by was
)

select
    md5(concat_ws(chr(31), moves.event, moves.was, moves.becomes, cast({{ as_of() }} as varchar)))
        as merge_event_id,
    moves.event,
    case when moves.event = 'merge' then moves.was else moves.becomes end as merged_profile_id,
    case when moves.event = 'merge' then moves.becomes else moves.was end as surviving_profile_id,
    {{ as_of() }} as merged_at,
    case when moves.event = 'merge' then joining.link.rule else 'split' end as rule,
    case when moves.event = 'merge' then joining.link.record_id end as evidence,
    moves.identifiers
from moves
left join joining on moves.was = joining.was
