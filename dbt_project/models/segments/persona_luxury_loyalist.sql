-- Made by `segmentry check generated --write` from training.personas in config/policies.yml.
select profile_id
from {{ ref('profiles') }}
where
    persona = 'Luxury Loyalist'
    and persona_confidence >= 0.5
