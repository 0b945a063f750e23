select profile_id
from {{ ref('profiles') }}
where
    days_since_first_seen >= 7
    and sessions_7d > 0
    and sessions_lifetime > 1
    and orders_lifetime = 0
