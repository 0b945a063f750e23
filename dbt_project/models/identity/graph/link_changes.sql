{{ config(materialized='transient', database='memory') }}
{% set has_restated = is_restated() -%}
{% set changed_claims = 'select * from changed_claims' -%}
{% set values = 'select * from known_values' -%}
{% set changed_values = 'select * exclude (records) from changed_values' -%}
with

changed_claims as (
    select * from {{ ref('claim_changes') }}
),

all_claims as (
    select * from {{ ref('identifier_claims') }}
),

changed_values as {{ streamed() }} (
    select identifier_type, value, country, identifier, records from {{ ref('spelling_changes') }}
),

known_values as {{ streamed() }} (
    select identifier_type, value, country, identifier from {{ ref('identifier_values') }}
),

identifiers as {{ streamed() }} (
    select * from {{ ref('identifiers') }}
),

changed_identifiers as (
    select * from {{ ref('identifier_changes') }}
),

links as (
    {% if not is_partial() -%}
    select *, true as is_moved from ({{ gathered_links(stated_links(changed_claims, changed_values),
        'identifiers') }}) as links
    {%- elif has_restated -%}
    {{ restated_links(changed_claims, values,
        values ~ ' union all ' ~ changed_values ~ ' where records = 0', 'all_claims') }}
    {%- else -%}
    {{ added_links(stated_links(changed_claims, changed_values), 'changed_identifiers') }}
    {%- endif %}
)

select * from links
