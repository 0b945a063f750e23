{{ config(materialized='transient', database='memory') }}
{%- set link_changes = ref('link_changes') -%}
{%- set identifier_changes = ref('identifier_changes') -%}
{%- set identifier_links = ref('identifier_links') -%}
{%- set identifier_values = ref('identifier_values') -%}
{%- set identifiers = ref('identifiers') -%}
{%- set statement_changes = ref('statement_changes') -%}
{% if is_partial() %}
with

links as (
    select * from {{ link_changes }} where is_moved
),

described as (
    -- What is stated of a person has changed.
    select known.node
    from {{ statement_changes }} as statements
    inner join {{ identifier_values }} as spellings
        on statements.value = spellings.value
            and statements.identifier_type = spellings.identifier_type
    inner join {{ identifiers }} as known
        on spellings.identifier = known.identifier
            and spellings.identifier_type = known.identifier_type
),

seeds as (
    select node from {{ identifier_changes }} where is_moved
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
    select right_node as node from {{ identifier_links }}
        where left_node in (select node from relieved)
    union
    select left_node from {{ identifier_links }}
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
semi join {{ ref('identifiers') }} as known on whole.node = known.node
{%- else %}
select node from {{ ref('identifiers') }} where false
{%- endif %}
