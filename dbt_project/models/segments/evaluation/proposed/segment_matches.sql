{{ config(materialized='view') }}
with

{% for definition in segment_definitions() if definition.predicate is none %}
matches_of_{{ definition.segment }} as (
    select profile_id from {{ ref(definition.segment) }}
),

{% endfor -%}
matches as (
    select * from {{ ref('predicate_matches') }}
)

select
    segment,
    profile_id,
    is_match
from matches
{% for definition in segment_definitions() if definition.predicate is none %}

union all

select
    '{{ definition.segment }}',
    profile_id,
    true
from matches_of_{{ definition.segment }}
{% endfor %}
