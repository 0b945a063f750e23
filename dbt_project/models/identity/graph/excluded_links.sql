{{ config(materialized='transient', database='memory') }}
with

links as (
    select * from {{ links_in_question() }}
),

identifiers as (
    select node, suspicion from {{ ref('identifiers') }} where suspicion > 0
),

policy_types as (
    select * from {{ source('identity_policy', 'policy_types') }}
),

policy_links as (
    select * from {{ source('identity_policy', 'policy_links') }}
),

cuts as (
    select * from {{ source('identity_policy', 'policy_cuts') }}
),

touching as (
    -- All neighbours of an identifier count, those beyond the region too.
    select * from {{ partial_or_full(ref('region_links'), ref('identifier_links')) }}
),

met as (
    select touching.*, coalesce(policy_links.level, 99) as level, policy_links.alone_on
    from touching
    left join policy_links on touching.rule = policy_links.rule
),

guests as (
    select
        if(left_type = alone_on, left_node, right_node) as node,
        if(left_type = alone_on, right_type, left_type) as other_type,
        if(left_type = alone_on, right_node, left_node) as other
    from met
    where alone_on in (left_type, right_type)
),

tills as (
    -- Several people ordered there and nobody logged in: its owner is unknown.
    select distinct node
    from guests
    group by node, other_type
    having count(distinct other) > 1
),

hubs as (
    {{ hubs('met', 'identifiers', 'policy_types') }}
)

select
    links.link_id,
    case
        when cuts.left_type is not null then 'cut'
        when not coalesce(policy_links.is_used, true) then 'rule_off'
        else 'hub'
    end as reason
from links
left join policy_links on links.rule = policy_links.rule
left join cuts
    on links.left_type = cuts.left_type and links.left_identifier = cuts.left_identifier
    and links.right_type = cuts.right_type and links.right_identifier = cuts.right_identifier
left join hubs as left_hubs on links.left_node = left_hubs.node
left join hubs as right_hubs on links.right_node = right_hubs.node
where
    cuts.left_type is not null
    or not coalesce(policy_links.is_used, true)
    or coalesce(policy_links.level, 99) >= least(left_hubs.shared_from, right_hubs.shared_from)
    or if(links.left_type = policy_links.alone_on, links.left_node, links.right_node) in (
        select node from tills where policy_links.alone_on is not null
    )
