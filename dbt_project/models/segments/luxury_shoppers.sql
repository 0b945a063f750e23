select profile_id
from {{ ref('profiles') }}
where
    luxury_revenue_share >= 0.33
    or (luxury_interest >= 4 and luxury_views_90d >= 5)
