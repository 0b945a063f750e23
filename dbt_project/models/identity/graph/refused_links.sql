{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(
        'link_id in (select link_id from ' ~ ref('region_links') ~ ' where is_inside'
        ~ ' union all select link_id from ' ~ ref('link_changes') ~ ')'
    ) }}"
) }}
with

excluded as (
    select link_id, reason, cast(null as varchar) as detail from {{ ref('excluded_links') }}
),

dropped as (
    select link_id, reason, detail from {{ ref('dropped_links') }}
),

restated as (
    select link_id, reason, detail from {{ ref('restated_refusals') }}
),

changed as (
    select * exclude (is_moved) from {{ ref('link_changes') }}
),

refusals as (
    select * from excluded
    union all
    select * from dropped
    union all
    select * from restated
),

links as (
    select * from {{ links_in_question() }}
    union all
    select * from changed
    where link_id in (select link_id from restated)
)

select
    refusals.link_id,
    refusals.reason,
    links.left_type,
    links.left_identifier,
    links.right_type,
    links.right_identifier,
    links.rule,
    links.first_seen_at,
    links.last_seen_at,
    links.source,
    links.record_id,
    refusals.detail
from refusals
inner join links on refusals.link_id = links.link_id
