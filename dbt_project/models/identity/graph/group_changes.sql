{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('region') }}, {{ ref('region_links') }}, {{ ref('contested_links') }},
-- {{ ref('yielding_links') }}, {{ ref('wide_components') }}, {{ ref('identifiers') }}
{% if is_partial() -%}
{{ found_groups() }}
{%- else -%}
select node, identifier_type, identifier, priority, first_seen_at, last_seen_at, node as component,
    node as group_node
from {{ ref('identifiers') }}
where false
{%- endif %}
