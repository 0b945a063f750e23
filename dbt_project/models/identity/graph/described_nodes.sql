{{ config(materialized='transient', database='memory') }}
with

components as (
    select * from {{ ref('wide_components') }}
),

nodes as (
    select node, identifier_type, identifier from {{ ref('identifiers') }}
    where identifier_type in ('crm_id', 'user_id')
),

spellings as (
    select identifier_type, identifier, value from {{ ref('identifier_values') }}
    where identifier_type in ('crm_id', 'user_id')
),

statements as (
    select * from {{ ref('person_statements') }}
),

policy_differences as (
    select * from {{ source('identity_policy', 'policy_differences') }}
),

shared_components as (
    -- Most components have one contact or account: nobody to compare.
    select components.component
    from components
    inner join nodes on components.node = nodes.node
    group by components.component
    having count(*) > 1
),

described as (
    select
        components.component,
        components.node,
        statements.first_name,
        statements.last_name,
        statements.birth_date,
        statements.gender
    from components
    semi join shared_components on components.component = shared_components.component
    inner join nodes on components.node = nodes.node
    inner join spellings
        on nodes.identifier = spellings.identifier
            and nodes.identifier_type = spellings.identifier_type
    inner join statements
        on spellings.value = statements.value
            and spellings.identifier_type = statements.identifier_type
    where exists (select 1 from policy_differences)
),

differing as (
    select component
    from described
    group by component
    having
        count(distinct node) > 1
        and (count(distinct first_name) > 1 or count(distinct birth_date) > 1)
)

select described.*
from described
semi join differing on described.component = differing.component
