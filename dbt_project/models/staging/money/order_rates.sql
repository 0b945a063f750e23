with policy as (
    select * from {{ ref('reporting_currency') }}
),

orders as (
    select
        'orders' as source, base.order_id, coalesce(base.currency, policy.default_currency)
            as currency,
        base.ordered_at, base.total as amount
    from {{ ref('stg_orders__orders') }} as base
    cross join policy
    union all
    select 'online_retail', order_id, currency, ordered_at, greatest(total, refunded)
    from {{ ref('stg_online_retail__orders') }}
),

rated as (
    select orders.*, policy.reporting_currency, policy.max_order_total, rates.rate
    from orders
    cross join policy
    left join {{ ref('currency_rates') }} as rates
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
