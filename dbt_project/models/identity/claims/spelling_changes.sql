{{ config(materialized='transient', database='memory') }}
{%- set all_claims = ref('identifier_claims') -%}
{% set affected -%}
    {%- if is_restated() -%}
    select claims.* from {{ all_claims }} as claims
    semi join {{ ref('claim_changes') }} as changes
        on claims.rule = changes.rule and claims.left_type = changes.left_type
            and claims.left_value = changes.left_value
    where claims.rule = 'seen'
    union all
    select * from {{ ref('claim_changes') }} where records = 0
    {%- elif is_partial() -%}
    select rule, left_type, left_value, country, first_seen_at, last_seen_at, source, record_id,
        records
    from {{ ref('claim_changes') }}
    union all
    select
        'seen', existing.identifier_type, existing.value, existing.country, existing.first_seen_at,
        existing.last_seen_at, existing.source,
        existing.record_id, existing.records
    from {{ kept('identifier_values') }} as existing
    semi join {{ ref('claim_changes') }} as changes
        on existing.value = changes.left_value and existing.identifier_type = changes.left_type
            and changes.rule = 'seen'
    {%- else -%}
    select * from {{ ref('claim_changes') }}
    {%- endif -%}
{%- endset %}
{{ judged_spellings(affected) }}
