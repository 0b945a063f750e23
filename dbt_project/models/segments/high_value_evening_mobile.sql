select profile_id
from {{ ref('profiles') }}
where
    value_bracket in ('top', 'high')
    and sessions_90d >= 3
    and evening_mobile_session_share_90d >= 0.5
