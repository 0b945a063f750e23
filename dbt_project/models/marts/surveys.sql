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
    {{ try_integer(json_text('answers', 'price_sensitivity')) }} as price_sensitivity,
    {{ try_integer(json_text('answers', 'brand_loyalty')) }} as brand_loyalty,
    {{ try_integer(json_text('answers', 'tech_affinity')) }} as tech_affinity,
    {{ try_integer(json_text('answers', 'research_habit')) }} as research_habit,
    {{ try_integer(json_text('answers', 'impulse_buying')) }} as impulse_buying,
    {{ try_integer(json_text('answers', 'sustainability')) }} as sustainability,
    {{ try_integer(json_text('answers', 'luxury_interest')) }} as luxury_interest,
    {{ try_integer(json_text('answers', 'nps')) }} as nps,
    comment,
    answers
from placed
