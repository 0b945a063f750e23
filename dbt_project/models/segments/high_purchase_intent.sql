select profile_id
from {{ ref('profiles') }}
where
    product_views_7d >= 5
    and (cart_adds_7d > 0 or checkouts_7d > 0)
    and orders_7d = 0
