-- A page must not join every member with every other: a run counts once what pages read.
with memberships as (
    select * from {{ ref('segment_memberships') }}
),

sizes as (
    select segment, count(*) as people
    from memberships
    group by segment
),

pairs as (
    select
        memberships.segment,
        others.segment as other,
        count(*) as in_common
    from memberships
    inner join memberships as others
        on memberships.profile_id = others.profile_id and memberships.segment <> others.segment
    group by memberships.segment, others.segment
)

select
    pairs.segment,
    pairs.other,
    pairs.in_common,
    pairs.in_common * 1.0 / sizes.people as share
from pairs
inner join sizes on pairs.segment = sizes.segment
