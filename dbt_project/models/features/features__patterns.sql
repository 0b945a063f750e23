with spine as (

    select * from {{ ref('spine') }}

),

completions as (

    select * from {{ ref('pattern_moments') }}

),

activity_days as (

    select * from {{ ref('activity_days') }} where events > 0

),

known as (

    select
        spine.profile_id,
        spine.as_of,
        completions.pattern,
        completions.happened_at,
        {{ whole_days_before('completions.happened_at', 'spine.as_of') }} as age_days
    from spine
    left join completions
        on spine.profile_id = completions.profile_id
        and spine.as_of > completions.known_at

),

counted as (

    select
        profile_id,
        as_of,
        {% for pattern in ['product_view_burst', 'repeated_item_view', 'abandoned_cart',
            'completed_funnel'] %}
        {% for days in [7, 30] %}
        {{ count_in("(pattern = '" ~ pattern ~ "')::integer", days) }}
            as {{ pattern }}s_{{ days }}d,
        {% endfor %}
        {% endfor %}
        min(age_days) filter (where pattern = 'abandoned_cart') as days_since_last_abandoned_cart
    from known
    group by profile_id, as_of

),

numbered as (

    select
        profile_id,
        days_before_clock,
        days_before_clock
            - row_number() over (partition by profile_id order by days_before_clock) as island
    from activity_days

),

streaks as (

    select
        profile_id,
        min(days_before_clock) as last_day,
        max(days_before_clock) as first_day
    from numbered
    group by profile_id, island

),

streaks_as_of as (

    select
        spine.profile_id,
        spine.as_of,
        coalesce(max(streaks.first_day - greatest(streaks.last_day, spine.days_before_clock) + 1),
            0)
            as longest_active_streak_days,
        coalesce(max(case when streaks.last_day <= spine.days_before_clock
            then streaks.first_day end)
            - spine.days_before_clock + 1, 0) as active_streak_days
    from spine
    left join streaks
        on spine.profile_id = streaks.profile_id
        and spine.days_before_clock <= streaks.first_day
    group by spine.profile_id, spine.as_of, spine.days_before_clock

)

select
    counted.*,
    {{ all_but('streaks_as_of', ['profile_id', 'as_of']) }}
from counted
inner join streaks_as_of
    on counted.profile_id = streaks_as_of.profile_id
    and counted.as_of = streaks_as_of.as_of
