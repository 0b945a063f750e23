select profile_id
from {{ ref('profiles') }}
where
    orders_lifetime >= 3
    and days_since_last_order < 90
    and rfm_frequency_score >= 4
