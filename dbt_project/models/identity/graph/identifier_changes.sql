{{ config(materialized='passing', database='memory') }}
{%- set nobody = gathered_identifiers("select * from " ~ ref('identifier_values') ~ " where false")
    -%}
{%- set known = kept('identifiers') if is_partial() else "(" ~ nobody ~ ")" -%}
{%- set same = "spellings.identifier_type = touched.identifier_type "
    ~ "and spellings.identifier = touched.identifier" -%}
{%- set spellings = "select spellings.* from " ~ ref('identifier_values')
    ~ " as spellings semi join touched on " ~ same -%}
{%- set more -%}
    select
        spellings.identifier_type, spellings.identifier, claims.first_seen_at, claims.last_seen_at,
        claims.records
    from {{ ref('claim_changes') }} as claims
    inner join {{ ref('spelling_changes') }} as spellings
        on claims.left_type = spellings.identifier_type and claims.left_value = spellings.value
        and claims.country is not distinct from spellings.country
    where claims.rule = 'seen'
    union all
    select identifier_type, identifier, first_seen_at, last_seen_at, records from held
{%- endset %}
with

touched as (
    select distinct identifier_type, identifier from {{ ref('spelling_changes') }}
        where identifier is not null
),

held as (
    select spellings.* from {{ known }} as spellings
    semi join touched on {{ same }}
),

gathered as (
    {{ gathered_identifiers(spellings if is_restated() or not is_partial() else more) }}
)

select
    coalesce(held.node, (select coalesce(max(node), 0) from {{ known }} as known)
        + row_number() over (
        partition by held.node is null order by touched.identifier_type, touched.identifier
    )) as node,
    touched.identifier_type,
    touched.identifier,
    coalesce(gathered.priority, held.priority) as priority,
    gathered.first_seen_at,
    gathered.last_seen_at,
    coalesce(gathered.records, 0) as records,
    coalesce(gathered.suspicion, held.suspicion) as suspicion,
    coalesce(gathered.first_seen_at <> held.first_seen_at, true) as is_moved
from touched
left join gathered
    on touched.identifier_type = gathered.identifier_type
        and touched.identifier = gathered.identifier
left join held
    on touched.identifier_type = held.identifier_type and touched.identifier = held.identifier
