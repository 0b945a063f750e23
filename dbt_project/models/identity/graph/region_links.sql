{{ config(materialized='passing', database='memory') }}
select links.*, lefts.node is not null and rights.node is not null as is_inside
from {{ ref('identifier_links') }} as links
left join {{ ref('region') }} as lefts on links.left_node = lefts.node
left join {{ ref('region') }} as rights on links.right_node = rights.node
where lefts.node is not null or rights.node is not null
