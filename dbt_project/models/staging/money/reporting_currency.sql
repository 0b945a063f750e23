with policy as (
    select * from {{ source('observability', 'money_policy') }}
),

placed as (
    select * from {{ ref('stg_orders__orders') }}
),

invoices as (
    select * from {{ ref('stg_online_retail__orders') }}
),

quoted as (
    select * from {{ ref('stg_exchange_rates__rates') }}
),

orders as (
    select coalesce(placed.currency, policy.default_currency) as currency, count(*) as orders
    from placed
    cross join policy
    group by coalesce(placed.currency, policy.default_currency)
    union all
    select currency, count(*)
    from invoices
    group by currency
),

totals as (
    select currency, cast(sum(orders) as double) / sum(sum(orders)) over () as share
    from orders
    group by currency
),

rates as (
    select count(*) as rates from quoted
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
