with

refusals as (
    select * from {{ ref('held_back_links') }}
    union all
    select * from {{ ref('yielding_links') }}
),

links as (
    select * from {{ ref('identifier_links') }}
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
    links.record_id
from refusals
inner join links on refusals.link_id = links.link_id
