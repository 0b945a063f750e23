with policy as (
    select * from {{ ref('reporting_currency') }}
),

placed as (
    select * from {{ ref('stg_orders__orders') }}
),

invoices as (
    select * from {{ ref('stg_online_retail__orders') }}
),

rates as (
    select * from {{ ref('currency_rates') }}
),

orders as (
    select
        'orders' as source, placed.order_id,
        coalesce(placed.currency, policy.default_currency) as currency,
        placed.ordered_at, placed.total as amount
    from placed
    cross join policy
    union all
    select 'online_retail', order_id, currency, ordered_at, greatest(total, refunded)
    from invoices
),

rated as (
    select orders.*, policy.reporting_currency, policy.max_order_total, rates.rate
    from orders
    cross join policy
    left join rates
        on orders.currency = rates.currency
        and cast(orders.ordered_at as date) >= rates.valid_from
        and cast(orders.ordered_at as date) < rates.valid_to
)

select
    source,
    order_id,
    currency,
    reporting_currency,
    max_order_total,
    rate,
    case
        when rate is null then 'unknown_rate'
        when coalesce({{ converted('amount', 'rate') }} > max_order_total, true)
            then 'absurd_amount'
    end as deferral_reason
from rated
