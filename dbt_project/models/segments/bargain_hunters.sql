select profile_id
from {{ ref('profiles') }}
where
    (orders_lifetime >= 2 and (coupon_order_share >= 0.5 or discount_share >= 0.2))
    or price_sensitivity = 5
