with rules as (

    select * from {{ ref('segment_rules') }}

),

restricted as (

    select profile_id from {{ ref('restricted_profiles') }}

),

refused as (

    select profile_id, purpose from {{ ref('profile_standings') }}
    where purpose = 'profiling' and channel = 'any' and is_refused

),

entered as (

    select * from {{ ref('dwell_states') }}
    where entered_at is not null and left_at is null
        and profile_id not in (select profile_id from restricted)

),

-- A refusal ends a stay at once, whatever the dwell rules state.
states as (

    select entered.*
    from entered
    inner join rules on entered.segment = rules.segment
    anti join refused
        on entered.profile_id = refused.profile_id and rules.purpose = refused.purpose

),

placed as (

    select
        states.segment,
        states.profile_id,
        row_number() over (
            partition by states.profile_id, coalesce(rules.exclusive_group,
                'segment ' || states.segment)
            order by rules.priority, states.segment
        ) as place
    from states
    inner join rules on states.segment = rules.segment

),

sized as (

    select
        *,
        count(*) over (partition by segment) as size
    from placed
    where place = 1

),

assigned as (

    select distinct
        sized.profile_id,
        case when sized.size >= rules.min_size then sized.segment
            else rules.merge_into end as segment
    from sized
    inner join rules on sized.segment = rules.segment

)

select
    assigned.segment,
    assigned.profile_id,
    rules.definition_version
from assigned
inner join rules on assigned.segment = rules.segment
