-- A page must not count every change of stage that there ever was.
with transitions as (
    select * from {{ ref('journey_transitions') }}
)

select
    journey,
    coalesce(from_stage, 'new') as from_stage,
    to_stage,
    count(*) as transitions,
    count(distinct profile_id) as profiles,
    avg(days_in_from_stage) as average_days
from transitions
group by journey, coalesce(from_stage, 'new'), to_stage
