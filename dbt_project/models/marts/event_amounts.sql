{{ config(materialized='view') }}

with

base as (
    select event_id, event_at, price, revenue, currency from {{ ref('stg_events__events') }}
),

policy as (
    select reporting_currency, default_currency from {{ ref('reporting_currency') }}
),

rates as (
    select * from {{ ref('currency_rates') }}
),

events as (
    select
        base.event_id, base.event_at, base.price, base.revenue, policy.reporting_currency,
        coalesce(base.currency, policy.default_currency) as original_currency
    from base
    cross join policy
    where coalesce(base.price, base.revenue) is not null and base.event_at < {{ as_of() }}
)

select
    events.event_id,
    events.event_at,
    {{ converted('events.price', 'rates.rate') }} as price,
    {{ converted('events.revenue', 'rates.rate') }} as revenue,
    events.reporting_currency as currency,
    events.original_currency,
    events.price as original_price,
    events.revenue as original_revenue
from events
left join rates
    on {{ rate_applies('rates', 'events.original_currency', 'events.event_at') }}
