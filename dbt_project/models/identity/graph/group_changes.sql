{{ config(materialized='transient', database='memory') }}
{%- set relations = relations_of_groups() -%}
{% if is_partial() -%}
{{ found_groups(relations) }}
{%- else -%}
select node, identifier_type, identifier, priority, first_seen_at, last_seen_at, node as component,
    node as group_node
from {{ relations.identifiers }}
where false
{%- endif %}
