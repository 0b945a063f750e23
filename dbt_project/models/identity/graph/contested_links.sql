{{ config(materialized='transient', database='memory') }}
with

components as (
    select * from {{ ref('wide_components') }}
),

nodes as (
    select * from {{ ref('identifiers') }}
),

links as (
    select * from {{ links_in_question() }}
),

excluded as (
    select * from {{ ref('excluded_links') }}
),

policy_types as (
    select * from {{ source('identity_policy', 'policy_types') }}
),

policy_links as (
    select * from {{ source('identity_policy', 'policy_links') }}
),

described_nodes as (
    select component from {{ ref('described_nodes') }}
),

refused_pairs as (
    select component from {{ ref('refused_pairs') }}
),

renamed as (
    -- A user id that was renamed by an alias does not count against the limit of its type.
    select distinct right_node as node from links where rule = 'alias' and left_type = right_type
),

crowded as (
    select components.component
    from components
    inner join nodes on components.node = nodes.node
    inner join policy_types on nodes.identifier_type = policy_types.identifier_type
    anti join renamed on nodes.node = renamed.node
    group by
        components.component, nodes.identifier_type, policy_types.most_per_profile,
        policy_types.most_by_use
    having count(*) > least(policy_types.most_per_profile, policy_types.most_by_use)
),

contested as (
    select component from crowded
    union
    select component from described_nodes
    union
    select component from refused_pairs
)

select
    components.component,
    links.link_id,
    links.left_node,
    links.right_node,
    links.left_type,
    links.right_type,
    links.left_node in (select node from renamed) as is_left_renamed,
    links.right_node in (select node from renamed) as is_right_renamed,
    coalesce(policy_links.level, 99) as level,
    coalesce(policy_links.is_ownership, false) as is_ownership,
    coalesce(policy_links.is_certain, false) as is_certain
from links
left join policy_links on links.rule = policy_links.rule
inner join components on links.left_node = components.node
inner join contested on components.component = contested.component
anti join excluded on links.link_id = excluded.link_id
