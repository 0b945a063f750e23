{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('identifier_values') }}, {{ ref('spelling_changes') }}
with

touched as (
    select distinct identifier_type, identifier from {{ ref('spelling_changes') }} where identifier is not null
),

held as (
    {% if is_partial() -%}
    select * from {{ kept('identifiers') }}
    {%- else -%}
    {{ gathered_identifiers("select * from " ~ ref('identifier_values') ~ " where false") }}
    {%- endif %}
),

gathered as (
    {{ gathered_identifiers(
        "select spellings.* from " ~ ref('identifier_values') ~ " as spellings semi join " ~ ref('spelling_changes')
        ~ " as touched on spellings.identifier_type = touched.identifier_type and spellings.identifier = touched.identifier"
    ) }}
)

select
    coalesce(held.node, (select coalesce(max(node), 0) from held) + row_number() over (
        partition by held.node is null order by touched.identifier_type, touched.identifier
    )) as node,
    touched.identifier_type,
    touched.identifier,
    coalesce(gathered.priority, held.priority) as priority,
    gathered.first_seen_at,
    gathered.last_seen_at,
    coalesce(gathered.records, 0) as records,
    coalesce(gathered.first_seen_at <> held.first_seen_at, true) as is_moved
from touched
left join gathered
    on touched.identifier_type = gathered.identifier_type and touched.identifier = gathered.identifier
left join held
    on touched.identifier_type = held.identifier_type and touched.identifier = held.identifier
