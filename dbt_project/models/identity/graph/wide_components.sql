{{ config(materialized='transient', database='memory') }}
{% set usable -%}
    select links.left_node, links.right_node
    from {{ links_in_question() }} as links
    anti join {{ ref('excluded_links') }} as excluded on links.link_id = excluded.link_id
{%- endset -%}
with labels as (
    {{ connected_components(usable, 'wide') }}
)

select node, min(node) over (partition by component) as component
from labels
