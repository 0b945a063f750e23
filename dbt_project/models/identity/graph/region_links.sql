{{ config(materialized='transient', database='memory') }}
with

links as (
    select * from {{ ref('identifier_links') }}
),

region as (
    select node from {{ ref('region') }}
)

select links.*, lefts.node is not null and rights.node is not null as is_inside
from links
left join region as lefts on links.left_node = lefts.node
left join region as rights on links.right_node = rights.node
where lefts.node is not null or rights.node is not null
