{{ config(materialized='transient', database='memory') }}
{%- set region_links = ref('region_links') -%}
{% if is_partial() %}
select links.link_id, refused.reason, refused.detail
from {{ ref('link_changes') }} as links
inner join {{ kept('refused_links') }} as refused on links.link_id = refused.link_id
where
    links.records > 0
    and links.link_id not in (select link_id from {{ region_links }} where is_inside)
{%- else %}
select link_id, cast(null as varchar) as reason, cast(null as varchar) as detail
from {{ ref('link_changes') }} where false
{%- endif %}
