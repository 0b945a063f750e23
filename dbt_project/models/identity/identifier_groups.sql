{%- set usable -%}
    select links.left_node, links.right_node
    from {{ ref('identifier_links') }} as links
    anti join {{ ref('refused_links') }} as refused on links.link_id = refused.link_id
{%- endset -%}
with

components as (
    {{ connected_components(usable, 'narrow') }}
),

nodes as (
    select * from {{ ref('identifiers') }}
),

groups as (
    -- A node without a link is a group of its own; its negative cannot meet a component's number.
    select
        nodes.node,
        nodes.identifier_type,
        nodes.identifier,
        nodes.priority,
        nodes.first_seen_at,
        nodes.last_seen_at,
        coalesce(components.component, -nodes.node) as component
    from nodes
    left join components on nodes.node = components.node
)

select
    groups.identifier_type,
    groups.identifier,
    groups.priority,
    groups.first_seen_at,
    groups.last_seen_at,
    min(groups.node) over (partition by groups.component) as group_node
from groups
