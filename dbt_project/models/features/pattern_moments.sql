with events as (

    select * from {{ ref('events') }} where profile_id is not null and event_at < {{ as_of() }}

),

orders as (

    select * from {{ ref('orders') }} where profile_id is not null and ordered_at < {{ as_of() }}

),

facts as (

    select
        profile_id, event_at as happened_at, event_id as fact_id, product_id,
        event = 'Product Viewed' as is_product_view,
        event = 'Product Added' as is_cart_add,
        event = 'Checkout Started' as is_checkout,
        event = 'Order Completed' as is_purchase
    from events
    where event in ('Product Viewed', 'Product Added', 'Checkout Started', 'Order Completed')

    union all

    -- Sorts after events with the same timestamp: a purchase at the time of the cart is a purchase
    -- after it.
    select profile_id, ordered_at, '~' || order_id, null, false, false, false, true
    from orders

),

marked as (

    select
        *,
        {{ completes_within('is_product_view', 5, '10 minutes') }} as is_burst,
        {{ completes_within('is_product_view', 3, '24 hours', by=['profile_id', 'product_id']) }}
            as is_repeated_item,
        {{ time_of_next('is_purchase') }} as next_purchase_at,
        {{ time_of_next('is_cart_add') }} as next_cart_add_at
    from facts

),

around as (

    select
        *,
        {{ time_of_last('is_burst') }} as last_burst_at,
        {{ time_of_next('is_burst') }} as next_burst_at
    from marked

),

steps as (

    {{ funnel('facts', ['is_product_view', 'is_cart_add', 'is_checkout', 'is_purchase'],
        '24 hours') }}

)

select profile_id, 'product_view_burst' as pattern, happened_at, happened_at as known_at, fact_id
from marked
where is_burst

union all

select profile_id, 'repeated_item_view', happened_at, happened_at, fact_id
from marked
where is_repeated_item

union all

-- The last cart of a run, with a burst of views within a day of it, decided once a day has passed
-- without a purchase.
select profile_id, 'abandoned_cart', happened_at, happened_at + interval '24 hours', fact_id
from around
where
    is_cart_add
    and ({{ is_shortly_before('last_burst_at', '24 hours') }}
        or {{ is_soon_after('next_burst_at', '24 hours') }})
    and not {{ is_soon_after('next_purchase_at', '24 hours') }}
    and not {{ is_soon_after('next_cart_add_at', '24 hours') }}
    and happened_at + interval '24 hours' < {{ as_of() }}

union all

select profile_id, 'completed_funnel', happened_at, happened_at, fact_id
from steps
where step = steps
