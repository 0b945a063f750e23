select profile_id
from {{ ref('profiles') }}
where
    sessions_30d between 1 and 3
    and product_views_30d > 0
    and cart_adds_90d = 0
    and orders_lifetime = 0
