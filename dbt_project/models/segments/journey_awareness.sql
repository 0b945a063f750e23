-- Made by `segmentry check generated --write` from the variable journeys.
select profile_id
from {{ ref('profiles') }}
where
    journey_stage = 'awareness'
