-- Made by `segmentry check generated --write` from the variable interest_categories.
select profile_id
from {{ ref('profiles') }}
where
    views_sports_90d > 3
    and items_sports_lifetime = 0
