with spine as (

    select * from {{ ref('spine') }}

),

changes as (

    select * from {{ ref('subscription_changes') }} where profile_id is not null

),

compared as (

    select
        *,
        lag(mrr) over (partition by subscription_id order by changed_at, change_number)
            as previous_mrr,
        lag(plan) over (partition by subscription_id order by changed_at, change_number)
            as previous_plan
    from changes

),

known as (

    select
        spine.profile_id,
        spine.as_of,
        {{ all_but('compared', ['profile_id']) }},
        row_number() over (
            partition by spine.profile_id, spine.as_of
            order by compared.changed_at desc, compared.subscription_id, compared.change_number desc
        ) as place
    from spine
    left join compared
        on spine.profile_id = compared.profile_id
        and spine.as_of > compared.changed_at

),

measured as (

    select
        profile_id,
        as_of,
        max(plan) filter (where place = 1) as subscription_plan,
        max(status) filter (where place = 1) as subscription_status,
        (max(mrr) filter (where place = 1))::double as latest_mrr,
        min(changed_at) as subscribed_at,
        max(changed_at) as subscription_changed_at,
        count(*) filter (where plan <> previous_plan) as plan_changes_lifetime,
        count(*) filter (where mrr > previous_mrr) as upgrades_lifetime,
        count(*) filter (where mrr < previous_mrr) as downgrades_lifetime,
        coalesce(bool_or(status = 'cancelled'), false) as has_cancelled_subscription
    from known
    group by profile_id, as_of

)

select
    {{ all_but('measured', ['latest_mrr']) }},
    coalesce(subscription_status in ('trialing', 'active', 'past_due'), false) as is_subscribed,
    case when subscription_status in ('active', 'past_due') then coalesce(latest_mrr, 0)
        else 0 end::double as mrr,
    {{ whole_days_before('subscribed_at', 'as_of') }} as days_since_subscribed,
    {{ whole_days_before('subscription_changed_at', 'as_of') }} as days_since_subscription_change
from measured
