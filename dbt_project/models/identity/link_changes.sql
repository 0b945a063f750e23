{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('identifiers') }}, {{ ref('claim_changes') }}, {{ ref('spelling_changes') }}
{% set values = "select identifier_type, value, country, identifier from " ~ ref('identifier_values') -%}
{%- set known = values ~ " union all select identifier_type, value, country, identifier from "
    ~ ref('spelling_changes') ~ " where records = 0" -%}
{%- set same_link = "one.rule = other.rule and one.left_type = other.left_type and one.left_identifier = "
    ~ "other.left_identifier and one.right_type = other.right_type and one.right_identifier = other.right_identifier" -%}
with

touched as (
    select distinct rule, left_type, left_identifier, right_type, right_identifier
    from ({{ stated_links("select * from " ~ ref('claim_changes'), known) }}) as stated
),

spellings as (
    select lefts.identifier_type, lefts.value
    from {{ ref('identifier_values') }} as lefts
    semi join touched
        on lefts.identifier_type = touched.left_type and lefts.identifier = touched.left_identifier
),

claims as (
    select claims.* from {{ ref('identifier_claims') }} as claims
    semi join spellings
        on claims.left_type = spellings.identifier_type and claims.left_value = spellings.value
    where claims.rule <> 'seen'
),

stated as (
    select one.* from ({{ stated_links("select * from claims", values) }}) as one
    semi join touched as other on {{ same_link }}
),

gathered as (
    {{ gathered_links("select * from stated") }}
),

held as (
    select one.*
    from {{ kept('identifier_links') if is_partial() else '(select * from gathered where false)' }} as one
    semi join touched as other on {{ same_link }}
)

select
    gathered.*,
    coalesce(gathered.first_seen_at <> held.first_seen_at, true) as is_moved
from gathered
left join held on gathered.link_id = held.link_id
union all
select held.* replace (0 as records), true
from held
anti join gathered on held.link_id = gathered.link_id
