{{ config(materialized='transient', database='memory') }}
{% set usable -%}
    with

    links as (
        select * from {{ links_in_question() }}
    ),

    excluded as (
        select link_id from {{ ref('excluded_links') }}
    )

    select links.left_node, links.right_node
    from links
    anti join excluded on links.link_id = excluded.link_id
{%- endset -%}
with

labels as (
    {{ connected_components(usable, 'wide') }}
)

select node, min(node) over (partition by component) as component
from labels
