{{ config(materialized='transient', database='memory') }}
with

links as (
    select link_id, records from {{ ref('link_changes') }}
),

inside as (
    select link_id from {{ ref('region_links') }} where is_inside
)

{% if is_partial() -%}
select links.link_id, refused.reason, refused.detail
from links
inner join {{ kept('refused_links') }} as refused on links.link_id = refused.link_id
where
    links.records > 0
    and links.link_id not in (select link_id from inside)
{%- else -%}
select link_id, cast(null as varchar) as reason, cast(null as varchar) as detail
from links where false
{%- endif %}
