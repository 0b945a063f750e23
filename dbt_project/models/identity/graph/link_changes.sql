{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('identifiers') }}, {{ ref('claim_changes') }}, {{ ref('spelling_changes') }},
-- {{ ref('identifier_changes') }}, {{ ref('identifier_claims') }}, {{ ref('identifier_values') }}
{% set said = "select * from " ~ ref('claim_changes') -%}
{% set values = "select identifier_type, value, country, identifier from "
    ~ ref('identifier_values') -%}
{% set changed_values = "select identifier_type, value, country, identifier from "
    ~ ref('spelling_changes') -%}
{%- if not is_partial() %}
select *, true as is_moved from ({{ gathered_links(stated_links(said, changed_values),
    ref('identifiers')) }}) as links
{%- elif is_restated() %}
{{ restated_links(said, values, values ~ " union all " ~ changed_values ~ " where records = 0") }}
{%- else %}
{{ added_links(stated_links(said, changed_values)) }}
{%- endif %}
