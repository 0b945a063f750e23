with records as (
    select * from {{ ref('base_orders') }}
    where outcome = 'accepted'
),

-- An accepted record is unique by order_id and updated_at: the newest state of each.
newest as (
    select *
    from records
    qualify row_number() over (partition by order_id order by updated_at desc) = 1
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
