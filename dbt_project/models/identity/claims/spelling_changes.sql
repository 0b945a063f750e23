{{ config(materialized='transient', database='memory') }}
{% set affected -%}
    {%- if is_restated() -%}
    select claims.* from all_claims as claims
    semi join changes
        on claims.rule = changes.rule and claims.left_type = changes.left_type
            and claims.left_value = changes.left_value
    where claims.rule = 'seen'
    union all
    select * from changes where records = 0
    {%- elif is_partial() -%}
    select rule, left_type, left_value, country, first_seen_at, last_seen_at, source, record_id,
        records
    from changes
    union all
    select
        'seen', existing.identifier_type, existing.value, existing.country, existing.first_seen_at,
        existing.last_seen_at, existing.source,
        existing.record_id, existing.records
    from {{ kept('identifier_values') }} as existing
    semi join changes
        on existing.value = changes.left_value and existing.identifier_type = changes.left_type
            and changes.rule = 'seen'
    {%- else -%}
    select * from changes
    {%- endif -%}
{%- endset %}
with

all_claims as (
    select * from {{ ref('identifier_claims') }}
),

changes as (
    select * from {{ ref('claim_changes') }}
),

judged as (
    {{ judged_spellings(affected) }}
)

select * from judged
