select profile_id
from {{ ref('profiles') }}
where
    tech_affinity = 5
    or (top_viewed_category_90d = 'Electronics' and views_electronics_90d >= 10
        and items_electronics_lifetime > 0)
