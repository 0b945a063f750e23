with

order_profiles as (
    select * from {{ ref('order_profiles') }}
),

categories as (
    select * from {{ ref('categories') }}
),

items as (
    select
        'orders' as source, order_item_id, order_id, ordered_at, product_id, product_name, category, quantity,
        unit_price, amount, cost
    from {{ ref('stg_orders__order_items') }}
    union all
    select
        'online_retail', order_item_id, order_id, ordered_at, product_id, product_name, null, quantity,
        unit_price, amount, null
    from {{ ref('stg_online_retail__order_items') }}
)

select
    items.source || ':' || items.order_item_id as order_item_id,
    case when items.source = 'orders' then items.order_id else items.source || ':' || items.order_id end as order_id,
    items.source,
    order_profiles.profile_id,
    items.ordered_at,
    items.product_id,
    items.product_name,
    coalesce(categories.category, items.category) as category,
    items.quantity,
    items.unit_price,
    items.amount,
    items.cost
from items
left join order_profiles on items.source = order_profiles.source and items.order_id = order_profiles.order_id
left join categories on {{ category_key('items.category') }} = categories.category_key
where items.ordered_at < {{ as_of() }}
