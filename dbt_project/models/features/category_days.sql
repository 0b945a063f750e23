{#- An order counts from when it was placed, and is removed when it was cancelled: a cancellation
    of later than an as_of has not happened there yet. -#}
with events as (

    select * from {{ ref('events') }} where profile_id is not null and event_at < {{ as_of() }}

),

order_items as (

    select * from {{ ref('order_items') }} where profile_id is not null
        and ordered_at < {{ as_of() }}

),

orders as (

    select * from {{ ref('orders') }}

),

products as (

    select * from {{ ref('products') }}

),

categories as (

    select * from {{ ref('categories') }}

),

purchases as (

    select
        order_items.*,
        1 as sign,
        order_items.ordered_at as known_at
    from order_items
    inner join orders on order_items.order_id = orders.order_id

    union all

    select
        order_items.*,
        -1,
        greatest(orders.updated_at, orders.ordered_at)
    from order_items
    inner join orders on order_items.order_id = orders.order_id
    where orders.is_cancelled and greatest(orders.updated_at, orders.ordered_at) < {{ as_of() }}

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
        purchases.profile_id,
        coalesce(purchases.category, products.category),
        coalesce(products.is_luxury, false),
        purchases.known_at,
        0,
        purchases.sign * purchases.quantity,
        purchases.sign * purchases.amount
    from purchases
    left join products on purchases.product_id = products.product_id

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
