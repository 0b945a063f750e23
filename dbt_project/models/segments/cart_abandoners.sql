select profile_id
from {{ ref('profiles') }}
where
    cart_abandonments_7d > 0
    and orders_7d = 0
