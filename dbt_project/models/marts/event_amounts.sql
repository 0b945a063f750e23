{{ config(materialized='view') }}

with events as (
    select
        base.event_id, base.event_at, base.price, base.revenue, policy.reporting_currency,
        coalesce(base.currency, policy.default_currency) as original_currency
    from {{ ref('stg_events__events') }} as base
    cross join {{ ref('reporting_currency') }} as policy
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
left join {{ ref('currency_rates') }} as rates
    on {{ rate_applies('rates', 'events.original_currency', 'events.event_at') }}
