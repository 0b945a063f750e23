select profile_id
from {{ ref('profiles') }}
where
    upsell_score >= 0.6
    and is_subscribed
