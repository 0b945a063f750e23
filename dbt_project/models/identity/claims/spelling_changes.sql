{{ config(materialized='passing', database='memory') }}
{%- set all_claims = ref('identifier_claims') -%}
{% set touched -%}
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
        'seen', held.identifier_type, held.value, held.country, held.first_seen_at,
        held.last_seen_at, held.source,
        held.record_id, held.records
    from {{ kept('identifier_values') }} as held
    semi join {{ ref('claim_changes') }} as changes
        on held.value = changes.left_value and held.identifier_type = changes.left_type
            and changes.rule = 'seen'
    {%- else -%}
    select * from {{ ref('claim_changes') }}
    {%- endif -%}
{%- endset %}
{{ judged_spellings(touched) }}
