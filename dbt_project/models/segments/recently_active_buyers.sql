select profile_id
from {{ ref('profiles') }}
where
    days_since_last_order < 30
    and engagement_score >= 50
