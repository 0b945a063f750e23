with

changes as (
    select * from {{ ref('stg_subscriptions__changes') }} where changed_at < {{ as_of() }}
),

policy as (
    select reporting_currency, default_currency from {{ ref('reporting_currency') }}
),

rates as (
    select * from {{ ref('currency_rates') }}
),

dated as (
    select
        changes.*,
        policy.reporting_currency,
        coalesce(changes.currency, policy.default_currency) as known_currency,
        -- One rate per subscription: a rate that moves is no upgrade.
        min(changes.changed_at) over (
            partition by changes.subscription_id, coalesce(changes.currency,
                policy.default_currency)
        ) as rated_at
    from changes
    cross join policy
),

placed as (
    {{ with_profile('dated', {'user_id': 'records.user_id', 'email': 'records.email'}) }}
)

select
    change_id,
    profile_id,
    subscription_id,
    plan,
    status,
    {{ converted('mrr', 'rates.rate') }} as mrr,
    reporting_currency as currency,
    billing_period,
    started_at,
    changed_at,
    ended_at,
    row_number() over (
        partition by subscription_id order by changed_at, _loaded_at, _batch_id, _line
    ) as change_number,
    known_currency as original_currency,
    mrr as original_mrr
from placed
left join rates
    on {{ rate_applies('rates', 'placed.known_currency', 'placed.rated_at') }}
