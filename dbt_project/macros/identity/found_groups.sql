{#- The group of each identifier that this run decides on, by the links that nothing refuses.
    relations: those of relations_of_groups, which the caller takes before it asks what kind of run
    it is. -#}
{% macro found_groups(relations) -%}
{% set kept_links -%}
    select links.left_node, links.right_node
    from {{ relations.contested_links }} as links
    anti join {{ relations.dropped_links }} as dropped on links.link_id = dropped.link_id
{%- endset -%}
with

narrow as (
    {{ connected_components(kept_links, 'narrow') }}
),

wide as (
    select * from {{ relations.wide_components }}
),

contested as (
    select distinct component from {{ relations.contested_links }}
),

nodes as (
    select * from {{ relations.identifiers }}
    {%- if is_partial() %}
    where node in (select node from {{ relations.region }})
    {%- endif %}
),

groups as (
    -- Where no limit is broken a component is a group. A node that lost all its links is a group of
    -- its own.
    select narrow.node, min(narrow.node) over (partition by narrow.component) as group_node
    from narrow
    union all
    select wide.node, wide.component
    from wide
    anti join contested on wide.component = contested.component
)

select
    nodes.node,
    nodes.identifier_type,
    nodes.identifier,
    nodes.priority,
    nodes.first_seen_at,
    {%- if is_partial() %}
    nodes.last_seen_at,
    {%- endif %}
    coalesce(wide.component, nodes.node) as component,
    coalesce(groups.group_node, nodes.node) as group_node
from nodes
left join wide on nodes.node = wide.node
left join groups on nodes.node = groups.node
{%- endmacro %}

{#- What found_groups reads. -#}
{% macro relations_of_groups() -%}
    {{ return({
        'contested_links': ref('contested_links'), 'dropped_links': ref('dropped_links'),
        'wide_components': ref('wide_components'), 'identifiers': ref('identifiers'),
        'region': ref('region'),
    }) }}
{%- endmacro %}
