{{ config(materialized='transient', database='memory') }}
{%- set same = "spellings.identifier_type = affected.identifier_type "
    ~ "and spellings.identifier = affected.identifier" -%}
{%- set spellings = "select spellings.* from known_spellings as spellings semi join affected on "
    ~ same -%}
{%- set more -%}
    select
        spellings.identifier_type, spellings.identifier, claims.first_seen_at, claims.last_seen_at,
        claims.records
    from claims
    inner join changed_spellings as spellings
        on claims.left_type = spellings.identifier_type and claims.left_value = spellings.value
        and claims.country is not distinct from spellings.country
    where claims.rule = 'seen'
    union all
    select identifier_type, identifier, first_seen_at, last_seen_at, records from existing
{%- endset %}
with

claims as (
    select * from {{ ref('claim_changes') }}
),

changed_spellings as (
    select * from {{ ref('spelling_changes') }}
),

known_spellings as {{ streamed() }} (
    select * from {{ ref('identifier_values') }}
),

known as {{ streamed() }} (
    {% if is_partial() -%} select * from {{ kept('identifiers') }}
    {%- else -%} {{ gathered_identifiers('select * from known_spellings where false') }}
    {%- endif %}
),

affected as (
    select distinct identifier_type, identifier from changed_spellings
    where identifier is not null
),

existing as (
    select spellings.* from known as spellings
    semi join affected on {{ same }}
),

gathered as (
    {{ gathered_identifiers(spellings if is_restated() or not is_partial() else more) }}
)

select
    coalesce(existing.node, (select coalesce(max(node), 0) from known)
        + row_number() over (
        partition by existing.node is null order by affected.identifier_type, affected.identifier
    )) as node,
    affected.identifier_type,
    affected.identifier,
    coalesce(gathered.priority, existing.priority) as priority,
    gathered.first_seen_at,
    gathered.last_seen_at,
    coalesce(gathered.records, 0) as records,
    coalesce(gathered.suspicion, existing.suspicion) as suspicion,
    coalesce(gathered.first_seen_at <> existing.first_seen_at, true) as is_moved
from affected
left join gathered
    on affected.identifier_type = gathered.identifier_type
        and affected.identifier = gathered.identifier
left join existing
    on affected.identifier_type = existing.identifier_type
        and affected.identifier = existing.identifier
