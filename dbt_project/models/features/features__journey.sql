with spine as (

    select * from {{ ref('spine') }}

),

journey_transitions as (

    select * from {{ ref('journey_transitions') }} where journey = '{{ var("journeys")[0].name }}'

),

known as (

    select
        spine.profile_id,
        spine.as_of,
        {{ all_but('journey_transitions', ['profile_id']) }},
        {{ whole_days_before('journey_transitions.transitioned_at', 'spine.as_of') }} as age_days,
        row_number() over (
            partition by spine.profile_id, spine.as_of
                order by journey_transitions.transitioned_at desc
        ) as place
    from spine
    left join journey_transitions
        on spine.profile_id = journey_transitions.profile_id
        and spine.as_of > journey_transitions.transitioned_at

)

select
    profile_id,
    as_of,
    max(to_stage) filter (where place = 1) as journey_stage,
    max(transitioned_at) filter (where place = 1) as journey_stage_since_at,
    max(age_days) filter (where place = 1) as days_in_journey_stage,
    max(from_stage) filter (where place = 1) as previous_journey_stage,
    max(trigger) filter (where place = 1) as journey_trigger,
    max(action) filter (where place = 1) as journey_action,
    count(transition_id) as journey_transitions_lifetime,
    {{ count_in('(transition_id is not null)::integer', 30) }} as journey_transitions_30d
from known
group by profile_id, as_of
