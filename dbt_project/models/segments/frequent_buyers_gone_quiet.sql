select profile_id
from {{ ref('profiles') }}
where
    orders_365d >= 3
    and days_since_last_order >= 30
    and sessions_30d = 0
