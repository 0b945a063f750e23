{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(remapped()) }}"
) }}
-- depends_on: {{ ref('region') }}, {{ ref('identifier_changes') }}
with

touched as (
    select node from {{ ref('region') }}
    union all
    select node from {{ ref('identifier_changes') }}
),

identifiers as (
    select identifiers.* from {{ ref('identifiers') }} as identifiers
    {%- if is_partial() %}
    semi join touched on identifiers.node = touched.node
    {%- endif %}
),

groups as (
    select groups.node, groups.group_node from {{ ref('identifier_groups') }} as groups
    {%- if is_partial() %}
    semi join identifiers on groups.node = identifiers.node
    {%- endif %}
),

profiles as (
    select distinct group_node, current_profile_id as profile_id
    from {{ ref('profile_resolution') }}
    where group_node is not null
    {%- if is_partial() %}
        and group_node in (select group_node from groups)
    {%- endif %}
)

select
    identifiers.identifier_type,
    identifiers.identifier,
    profiles.profile_id,
    identifiers.first_seen_at,
    identifiers.last_seen_at
from identifiers
inner join groups on identifiers.node = groups.node
inner join profiles on groups.group_node = profiles.group_node
