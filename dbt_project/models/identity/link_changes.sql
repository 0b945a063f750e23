{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('identifiers') }}, {{ ref('claim_changes') }}, {{ ref('spelling_changes') }}, {{ ref('identifier_changes') }}
-- depends_on: {{ ref('identifier_claims') }}, {{ ref('identifier_values') }}
{% set said = "select * from " ~ ref('claim_changes') -%}
{% set values = "select identifier_type, value, country, identifier from " ~ ref('identifier_values') -%}
{% set changed_values = "select identifier_type, value, country, identifier from " ~ ref('spelling_changes') -%}
{% set known = values ~ " union all " ~ changed_values ~ " where records = 0" if is_restated() else changed_values -%}
{% set key = "md5(concat_ws(chr(31), rule, left_type, left_identifier, right_type, right_identifier))" -%}
{%- if not is_partial() %}
select *, true as is_moved from ({{ gathered_links(stated_links(said, known), ref('identifiers')) }}) as links
{%- else %}
with

touched as (
    select distinct
        {{ key }} as link_id, left_type, left_identifier
    from ({{ stated_links(said, known) }}) as stated
),

held as (
    select links.* from {{ kept('identifier_links') }} as links
    semi join touched on links.link_id = touched.link_id
),

{% if is_restated() -%}
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

heard as (
    select stated.* from ({{ stated_links("select * from claims", values) }}) as stated
    where {{ key }} in (select link_id from touched)
),
{%- else -%}
heard as (
    {{ stated_links(said, known) }}
    union all
    select
        rule, left_type, left_identifier, right_type, right_identifier, first_seen_at, last_seen_at, source, record_id,
        records
    from held
),
{%- endif %}

gathered as (
    {{ gathered_links("select * from heard", ref('identifiers') if is_restated() else ref('identifier_changes')) }}
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
{%- endif %}
