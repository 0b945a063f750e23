with

changes as (
    select * from {{ ref('stg_subscriptions__changes') }} where changed_at < {{ as_of() }}
),

placed as (
    {{ with_profile('changes', {'user_id': 'records.user_id', 'email': 'records.email'}) }}
)

select
    change_id,
    profile_id,
    subscription_id,
    plan,
    status,
    mrr,
    currency,
    billing_period,
    started_at,
    changed_at,
    ended_at,
    row_number() over (
        partition by subscription_id order by changed_at, _loaded_at, _batch_id, _line
    ) as change_number
from placed
