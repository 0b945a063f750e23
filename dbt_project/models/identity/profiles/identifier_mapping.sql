{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(remapped()) }}"
) }}
with

region as (
    select node from {{ ref('region') }}
),

changes as (
    select * from {{ ref('identifier_changes') }} where records > 0
),

group_changes as (
    select * from {{ ref('group_changes') }}
),

groups as (
    select node, group_node from {{ ref('identifier_groups') }}
),

identifiers as (
    select * from {{ ref('identifiers') }}
),

resolved as (
    select group_node, current_profile_id as profile_id from {{ ref('profile_resolution') }}
    where group_node is not null
),

{% if is_partial() -%}
seen_again as (
    select changes.* from changes
    anti join region on changes.node = region.node
),

members as (
    select identifier_type, identifier, first_seen_at, last_seen_at, group_node
    from group_changes
    union all
    -- Beyond the region every identifier keeps its profile.
    select
        seen_again.identifier_type, seen_again.identifier, seen_again.first_seen_at,
        seen_again.last_seen_at,
        groups.group_node
    from seen_again
    inner join groups on seen_again.node = groups.node
),
{%- else -%}
members as (
    select
        identifiers.identifier_type, identifiers.identifier, identifiers.first_seen_at,
        identifiers.last_seen_at,
        groups.group_node
    from identifiers
    inner join groups on identifiers.node = groups.node
),
{%- endif %}

profiles as (
    select distinct group_node, profile_id
    from resolved
    {%- if is_partial() %}
    where group_node in (select group_node from members)
    {%- endif %}
)

select
    members.identifier_type,
    members.identifier,
    profiles.profile_id,
    members.first_seen_at,
    members.last_seen_at
from members
inner join profiles on members.group_node = profiles.group_node
