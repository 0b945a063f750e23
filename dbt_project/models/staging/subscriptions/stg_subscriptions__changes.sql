{{ config(materialized='view') }}

with records as (
    select * from {{ ref('base_subscriptions') }}
    where outcome = 'accepted'
),

newest as (
    select *
    from records
    qualify {{ is_newest_state('change_id', 'changed_at') }}
)

select
    record_id,
    change_id,
    subscription_id,
    user_id,
    email,
    plan,
    status,
    mrr,
    {{ stated_currency() }} as currency,
    billing_period,
    started_at,
    changed_at,
    ended_at,
    _loaded_at,
    _batch_id,
    _file,
    _line
from newest
