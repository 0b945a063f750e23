select profile_id
from {{ ref('profiles') }}
where
    value_bracket in ('top', 'high')
    and engagement_score >= 50
