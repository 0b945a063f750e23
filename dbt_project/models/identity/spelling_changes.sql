{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('claim_changes') }}, {{ ref('identifier_claims') }}
{% set touched -%}
    select claims.* from {{ ref('identifier_claims') }} as claims
    semi join {{ ref('claim_changes') }} as changes
        on claims.rule = changes.rule and claims.left_type = changes.left_type and claims.left_value = changes.left_value
    where claims.rule = 'seen' and {{ is_partial() | lower }}
    union all
    select * from {{ ref('claim_changes') }} where records = 0
{%- endset %}
{{ judged_spellings(touched) }}
