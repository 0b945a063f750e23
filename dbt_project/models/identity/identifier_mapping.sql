{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(remapped()) }}"
) }}
-- depends_on: {{ ref('region') }}, {{ ref('identifier_changes') }}
with

identifiers as (
    select * from {{ ref('identifiers') }}
    {%- if is_partial() %}
    where node in (select node from {{ ref('region') }})
        or node in (select node from {{ ref('identifier_changes') }})
    {%- endif %}
),

groups as (
    select * from {{ ref('identifier_groups') }}
),

profiles as (
    select distinct group_node, current_profile_id as profile_id
    from {{ ref('profile_resolution') }}
    where group_node is not null
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
