with

responses as (
    select * from {{ ref('stg_surveys__responses') }} where submitted_at < {{ as_of() }}
),

placed as (
    {{ with_profile('responses', {'user_id': 'records.user_id', 'email': 'records.email'}) }}
)

select
    response_id,
    profile_id,
    survey,
    submitted_at,
    price_sensitivity,
    brand_loyalty,
    tech_affinity,
    research_habit,
    impulse_buying,
    sustainability,
    luxury_interest,
    nps,
    csat,
    ces,
    comment,
    answers
from placed
