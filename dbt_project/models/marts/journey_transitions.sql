{#- The journeys are in the variable `journeys` of dbt_project.yml. Within one period of activity a
    person only moves forward; after lapse_after_days without a signal the person lapses, and the
    next signal begins the journey again. -#}
with events as (

    select * from {{ ref('events') }} where profile_id is not null and event_at < {{ as_of() }}

),

orders as (

    select * from {{ ref('orders') }} where profile_id is not null and not is_cancelled
        and ordered_at < {{ as_of() }}

),

purchases as (

    select
        *,
        row_number() over (partition by profile_id order by ordered_at, order_id) as purchase_number
    from orders

),

signals as (

    {{ journey_signals('events', 'purchases') }}

),

spaced as (

    select
        *,
        coalesce(
            occurred_at > lag(occurred_at) over (
                partition by journey, profile_id order by occurred_at, stage_number desc, trigger_id
            ) + lapse_after,
            true
        )::integer as begins_period
    from signals

),

periods as (

    select
        *,
        sum(begins_period) over (
            partition by journey, profile_id order by occurred_at, stage_number desc, trigger_id
            rows unbounded preceding
        ) as period
    from spaced

),

progress as (

    select
        *,
        max(stage_number) over (
            partition by journey, profile_id, period order by occurred_at, stage_number desc,
            trigger_id
            rows between unbounded preceding and 1 preceding
        ) as reached
    from periods

),

moves as (

    select journey, profile_id, stage, occurred_at as transitioned_at, trigger, trigger_id, action
    from progress
    where stage_number > coalesce(reached, 0)

    union all

    {{ journey_lapses('progress') }}

)

select
    md5(concat_ws('|', journey, profile_id, transitioned_at, stage)) as transition_id,
    journey,
    profile_id,
    lag(stage) over (partition by journey, profile_id order by transitioned_at) as from_stage,
    stage as to_stage,
    transitioned_at,
    trigger,
    trigger_id,
    action,
    {{ seconds_between(
        'lag(transitioned_at) over (partition by journey, profile_id order by transitioned_at)',
        'transitioned_at',
    ) }} / 86400 as days_in_from_stage
from moves
