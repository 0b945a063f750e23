select profile_id
from {{ ref('profiles') }}
where
    abandoned_carts_7d > 0
    and (days_since_last_order is null or days_since_last_order > days_since_last_abandoned_cart)
