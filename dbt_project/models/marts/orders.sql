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

rates as (
    select * from {{ ref('order_rates') }} where deferral_reason is null
),

items as (
    select order_id, cost from {{ ref('stg_orders__order_items') }}
),

costs as (
    select order_id, sum(cost) as cost, count(*) as items from items group by order_id
),

placed as (
    select
        'orders' as source, orders.order_id, orders.order_id as shown_id, orders.ordered_at,
        orders.status,
        orders.subtotal, orders.discount, orders.shipping, orders.tax, orders.total,
        coalesce(orders.refunded, 0) as refunded, costs.cost, coalesce(costs.items, 0) as items,
        orders.is_guest, orders.coupon, orders.channel,
        coalesce(orders.updated_at, orders.ordered_at) as updated_at
    from shop_orders as orders
    left join costs on orders.order_id = costs.order_id
    union all
    select
        'online_retail', order_id, 'online_retail:' || order_id, ordered_at, status, subtotal, null,
        shipping,
        null, total, refunded, null, items, is_guest, null, 'web', ordered_at
    from retail_orders
),

revenue as (
    select
        *,
        coalesce(status = 'cancelled', false) as is_cancelled,
        -- A cancelled order of the shop earns nothing; a retail credit note has no total and takes
        -- back its refund.
        case when status = 'cancelled' then 0 else total end - case
            when status = 'cancelled' and source = 'orders' then 0 else refunded
        end as net_revenue
    from placed
)

select
    revenue.shown_id as order_id,
    revenue.source,
    order_profiles.profile_id,
    revenue.ordered_at,
    revenue.status,
    rates.reporting_currency as currency,
    {%- for amount in ['subtotal', 'discount', 'shipping', 'tax', 'total', 'refunded',
        'net_revenue', 'cost'] %}
    {{ converted('revenue.' ~ amount, 'rates.rate') }} as {{ amount }},
    {%- endfor %}
    {{ converted('(revenue.net_revenue - revenue.cost)', 'rates.rate') }} as margin,
    revenue.items,
    revenue.is_guest,
    revenue.is_cancelled,
    revenue.coupon,
    revenue.channel,
    revenue.updated_at,
    rates.currency as original_currency,
    rates.rate as exchange_rate,
    {%- for amount in ['subtotal', 'discount', 'shipping', 'tax', 'total', 'refunded',
        'net_revenue', 'cost'] %}
    revenue.{{ amount }} as original_{{ amount }}{{ ',' if not loop.last }}
    {%- endfor %}
from revenue
inner join rates on revenue.source = rates.source and revenue.order_id = rates.order_id
left join order_profiles
    on revenue.source = order_profiles.source and revenue.order_id = order_profiles.order_id
