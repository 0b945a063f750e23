{{ config(materialized='transient', database='memory') }}
with

links as (
    select left_node, right_node, records from {{ ref('link_changes') }} where is_moved
),

moved as (
    select node from {{ ref('identifier_changes') }} where is_moved
),

statements as (
    select * from {{ ref('statement_changes') }}
),

spellings as (
    select identifier_type, value, identifier from {{ ref('identifier_values') }}
),

known as {{ streamed() }} (
    select node, identifier_type, identifier from {{ ref('identifiers') }}
),

known_links as {{ streamed() }} (
    select left_node, right_node from {{ ref('identifier_links') }}
)

{%- if is_partial() %},

described as (
    -- What is stated of a person has changed.
    select known.node
    from statements
    inner join spellings
        on statements.value = spellings.value
            and statements.identifier_type = spellings.identifier_type
    inner join known
        on spellings.identifier = known.identifier
            and spellings.identifier_type = known.identifier_type
),

seeds as (
    select node from moved
    union
    select left_node from links
    union
    select right_node from links
    union
    select node from described
),

relieved as (
    -- An identifier that lost a link may exclude fewer links now: all its neighbours are decided
    -- again.
    select left_node as node from links where records = 0
    union
    select right_node from links where records = 0
),

neighbours as (
    select right_node as node from known_links
    where left_node in (select node from relieved)
    union
    select left_node from known_links
    where right_node in (select node from relieved)
),

roots as (
    select node from seeds
    union
    select node from neighbours
),

whole as (
    select node from {{ kept('identifier_groups') }}
    where component in (
        select groups.component from {{ kept('identifier_groups') }} as groups
        semi join roots on groups.node = roots.node
    )
    union
    select node from roots
)

select whole.node
from whole
semi join known on whole.node = known.node
{%- else %}

select node from known where false
{%- endif %}
