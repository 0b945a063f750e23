{{ config(materialized='incremental', unique_key='as_of', incremental_strategy='delete+insert',
    full_refresh=false) }}
-- Sizes of a time that lies behind cannot be measured again, so an as_of adds its rows and keeps
-- those of the others.
with memberships as (
    select * from {{ ref('segment_memberships') }}
),

stays as (
    select * from {{ ref('membership_history') }}
),

clock as (
    select {{ as_of() }} as as_of
),

sizes as (
    select segment, count(*) as people
    from memberships
    group by segment
),

moves as (
    select
        stays.segment,
        count(*) filter (where stays.entered_at = clock.as_of) as entered,
        count(*) filter (where stays.left_at = clock.as_of) as left_segment
    from stays
    cross join clock
    group by stays.segment
),

segments as (
    select segment from sizes
    union
    select segment from moves
)

select
    segments.segment,
    clock.as_of,
    coalesce(sizes.people, 0) as people,
    coalesce(moves.entered, 0) as entered,
    coalesce(moves.left_segment, 0) as left_segment
from segments
cross join clock
left join sizes on segments.segment = sizes.segment
left join moves on segments.segment = moves.segment
