select profile_id
from {{ ref('profiles') }}
where
    churn_score >= 0.7
    and orders_lifetime > 0
