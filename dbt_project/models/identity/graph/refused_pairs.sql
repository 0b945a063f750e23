{{ config(materialized='transient', database='memory') }}
with

components as (
    select * from {{ ref('wide_components') }}
),

nodes as (
    select node, identifier from {{ ref('identifiers') }}
    where identifier_type = 'crm_id'
),

candidates as (
    select left_crm_id, right_crm_id from {{ source('identity_policy', 'link_candidates') }}
    where verdict = 'refused'
)

select lefts.component, left_nodes.node as left_node, right_nodes.node as right_node
from candidates
inner join nodes as left_nodes on candidates.left_crm_id = left_nodes.identifier
inner join nodes as right_nodes on candidates.right_crm_id = right_nodes.identifier
inner join components as lefts on left_nodes.node = lefts.node
inner join components as rights
    on right_nodes.node = rights.node and lefts.component = rights.component
