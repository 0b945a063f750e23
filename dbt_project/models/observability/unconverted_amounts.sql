with orders as (
    select source, currency, deferral_reason as reason from {{ ref('order_rates') }}
        where deferral_reason is not null
),

products as (
    select original_currency from {{ ref('products') }}
    where price is null and original_price is not null
),

subscriptions as (
    select original_currency from {{ ref('subscription_changes') }}
    where mrr is null and original_mrr is not null
),

events as (
    select original_currency from {{ ref('event_amounts') }}
    where price is null and revenue is null
),

amounts as (
    select source, currency, reason from orders
    union all
    select 'products', original_currency, 'unknown_rate'
    from products
    union all
    select 'subscriptions', original_currency, 'unknown_rate'
    from subscriptions
    union all
    select 'events', original_currency, 'unknown_rate'
    from events
)

select source, currency, reason, count(*) as amounts
from amounts
group by source, currency, reason
