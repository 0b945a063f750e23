{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('identifier_mapping') }}, {{ ref('identifier_changes') }},
-- {{ ref('group_changes') }}, {{ ref('mapping_before') }}
{% if is_golden_partial() -%}
with

named as (
    select identifier_type, identifier from {{ ref('identifier_changes') }}
    union all
    select identifier_type, identifier from {{ ref('group_changes') }}
),

touched as (
    select mapping.profile_id from {{ ref('identifier_mapping') }} as mapping
    semi join named on mapping.identifier = named.identifier
        and mapping.identifier_type = named.identifier_type
    union
    select profile_id from {{ ref('mapping_before') }}
)

select touched.profile_id, mapping.identifier_type, mapping.identifier
from touched
left join {{ ref('identifier_mapping') }} as mapping on touched.profile_id = mapping.profile_id
{%- else -%}
select profile_id, identifier_type, identifier from {{ ref('identifier_mapping') }}
where false
{%- endif %}
