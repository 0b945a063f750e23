with policy as (
    select * from {{ source('observability', 'money_policy') }}
),

orders as (
    select coalesce(base.currency, policy.default_currency) as currency, count(*) as orders
    from {{ ref('stg_orders__orders') }} as base
    cross join policy
    group by coalesce(base.currency, policy.default_currency)
    union all
    select currency, count(*)
    from {{ ref('stg_online_retail__orders') }}
    group by currency
),

totals as (
    select currency, cast(sum(orders) as double) / sum(sum(orders)) over () as share
    from orders
    group by currency
),

rates as (
    select count(*) as rates from {{ ref('stg_exchange_rates__rates') }}
),

-- Without any rate a shop of one currency is reported in that one. Some stray orders of another do
-- not change it.
alone as (
    select max(totals.currency) as currency
    from totals
    cross join rates
    where rates.rates = 0 and totals.share >= 0.99
)

select
    coalesce(alone.currency, policy.reporting_currency) as reporting_currency,
    policy.default_currency,
    policy.max_rate_age_days,
    policy.max_order_total,
    policy.reporting_currency as wanted_currency
from policy
cross join alone
