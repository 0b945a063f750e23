with

shop_orders as (
    select * from {{ ref('stg_orders__orders') }} where ordered_at < {{ as_of() }}
),

retail_orders as (
    select * from {{ ref('stg_online_retail__orders') }} where ordered_at < {{ as_of() }}
),

order_profiles as (
    select * from {{ ref('order_profiles') }}
),

costs as (
    select order_id, sum(cost) as cost, count(*) as items from {{ ref('stg_orders__order_items') }} group by order_id
),

placed as (
    select
        orders.order_id, 'orders' as source, order_profiles.profile_id, orders.ordered_at, orders.status,
        orders.currency, orders.subtotal, orders.discount, orders.shipping, orders.tax, orders.total,
        coalesce(orders.refunded, 0) as refunded, costs.cost, coalesce(costs.items, 0) as items,
        orders.is_guest, orders.coupon, orders.channel, coalesce(orders.updated_at, orders.ordered_at) as updated_at
    from shop_orders as orders
    left join order_profiles
        on order_profiles.source = 'orders' and orders.order_id = order_profiles.order_id
    left join costs on orders.order_id = costs.order_id
),

placed_retail as (
    select
        'online_retail:' || orders.order_id as order_id, 'online_retail' as source, order_profiles.profile_id,
        orders.ordered_at, orders.status, orders.currency, orders.subtotal, null as discount, orders.shipping,
        null as tax, orders.total, orders.refunded, null as cost, orders.items, orders.is_guest,
        null as coupon, 'web' as channel, orders.ordered_at as updated_at
    from retail_orders as orders
    left join order_profiles
        on order_profiles.source = 'online_retail' and orders.order_id = order_profiles.order_id
),

orders as (
    select * from placed
    union all
    select * from placed_retail
),

revenue as (
    select
        *,
        coalesce(status = 'cancelled', false) as is_cancelled,
        -- A cancelled order of the shop earns nothing; a retail credit note has no total and takes back its refund.
        case when status = 'cancelled' then 0 else total end - case
            when status = 'cancelled' and source = 'orders' then 0 else refunded
        end as net_revenue
    from orders
)

select
    order_id,
    source,
    profile_id,
    ordered_at,
    status,
    currency,
    subtotal,
    discount,
    shipping,
    tax,
    total,
    refunded,
    net_revenue,
    cost,
    net_revenue - cost as margin,
    items,
    is_guest,
    is_cancelled,
    coupon,
    channel,
    updated_at
from revenue
