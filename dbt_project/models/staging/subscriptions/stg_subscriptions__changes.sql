{{ config(materialized='view') }}

with records as (
    select * from {{ ref('base_subscriptions') }}
    where outcome = 'accepted'
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
    currency,
    billing_period,
    started_at,
    changed_at,
    ended_at,
    _batch_id,
    _file,
    _line
from records
