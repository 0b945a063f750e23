-- Made by `segmentry check generated --write` from the variable interest_categories.
select profile_id
from {{ ref('profiles') }}
where
    views_books_90d > 3
    and items_books_lifetime = 0
