{{ config(materialized='transient', database='memory') }}
{% set changed_claims = "select * from " ~ ref('claim_changes') -%}
{% set values = "select identifier_type, value, country, identifier from "
    ~ ref('identifier_values') -%}
{% set changed_values = "select identifier_type, value, country, identifier from "
    ~ ref('spelling_changes') -%}
{% set all_claims = ref('identifier_claims') -%}
{% set identifiers = ref('identifiers') -%}
{% set identifier_changes = ref('identifier_changes') -%}
{% set has_restated = is_restated() -%}
{%- if not is_partial() %}
select *, true as is_moved from ({{ gathered_links(stated_links(changed_claims, changed_values),
    identifiers) }}) as links
{%- elif has_restated %}
{{ restated_links(changed_claims, values,
    values ~ " union all " ~ changed_values ~ " where records = 0", all_claims) }}
{%- else %}
{{ added_links(stated_links(changed_claims, changed_values), identifier_changes) }}
{%- endif %}
