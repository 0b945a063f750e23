select profile_id
from {{ ref('profiles') }}
where
    orders_lifetime > 0
    and (
        (pages_per_session_90d >= 8 and searches_per_session_90d >= 1)
        or research_habit >= 4
    )
