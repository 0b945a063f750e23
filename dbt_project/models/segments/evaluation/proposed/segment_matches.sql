{{ config(materialized='view') }}
select
    segment,
    profile_id,
    is_match
from {{ ref('predicate_matches') }}
{% for definition in segment_definitions() if definition.predicate is none %}

union all

select
    '{{ definition.segment }}',
    profile_id,
    true
from {{ ref(definition.segment) }}
{% endfor %}
