select profile_id
from {{ ref('profiles') }}
where
    days_since_first_seen < 7
    and orders_lifetime = 0
