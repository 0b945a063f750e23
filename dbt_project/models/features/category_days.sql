with events as (

    select * from {{ ref('events') }} where profile_id is not null and event_at < {{ as_of() }}

),

order_items as (

    select * from {{ ref('order_items') }} where profile_id is not null
        and ordered_at < {{ as_of() }}

),

orders as (

    select * from {{ ref('orders') }} where not is_cancelled

),

products as (

    select * from {{ ref('products') }}

),

categories as (

    select * from {{ ref('categories') }}

),

touches as (

    select
        events.profile_id,
        coalesce(categories.category, events.category, products.category) as category,
        coalesce(products.is_luxury, false) as is_luxury,
        events.event_at as known_at,
        1 as views,
        0 as items,
        0.0 as amount
    from events
    left join products on events.product_id = products.product_id
    left join categories on {{ category_key('events.category') }} = categories.category_key
    where events.event = 'Product Viewed'

    union all

    select
        order_items.profile_id,
        coalesce(order_items.category, products.category),
        coalesce(products.is_luxury, false),
        order_items.ordered_at,
        0,
        order_items.quantity,
        order_items.amount
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    left join products on order_items.product_id = products.product_id

)

select
    profile_id,
    {{ whole_days_before('known_at', as_of()) }} as days_before_clock,
    coalesce(category, 'unknown') as category,
    is_luxury,
    sum(views)::bigint as views,
    sum(items)::double as items,
    sum(amount)::{{ type_amount() }} as amount
from touches
group by 1, 2, 3, 4
