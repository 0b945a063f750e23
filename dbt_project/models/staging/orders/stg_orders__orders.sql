with records as (
    select * from {{ ref('base_orders') }}
    where outcome = 'accepted'
),

newest as (
    select *
    from records
    qualify {{ is_newest_state('order_id', 'updated_at') }}
)

select
    record_id,
    order_id,
    ordered_at,
    updated_at,
    status,
    user_id,
    anonymous_id,
    email,
    phone,
    is_guest,
    currency,
    subtotal,
    discount,
    shipping,
    tax,
    total,
    refunded,
    coupon,
    payment_method,
    channel,
    items,
    _batch_id,
    _file,
    _line
from newest
