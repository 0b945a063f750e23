with spine as (

    select * from {{ ref('spine') }} where is_current

),

{% for subject in feature_subjects() %}
features__{{ subject }} as (

    select * from {{ ref('features__' ~ subject) }}

),

{% endfor -%}
traits as (

    select * from {{ ref('traits') }}

),

scores as (

    select * from {{ ref('profile_scores') }}

),

consents as (

    select * from {{ ref('profile_consents') }}

)

select
    spine.profile_id,
    spine.as_of,
    {{ all_but('traits', ['profile_id']) }},
    {% for subject in feature_subjects() %}
    {{ all_but('features__' ~ subject, ['profile_id', 'as_of']) }},
    {% endfor %}
    {{ all_but('scores', ['profile_id']) }},
    {{ all_but('consents', ['profile_id']) }}
from spine
left join traits on spine.profile_id = traits.profile_id
{% for subject in feature_subjects() %}
{% set features = 'features__' ~ subject %}
inner join {{ features }}
    on spine.profile_id = {{ features }}.profile_id and spine.as_of = {{ features }}.as_of
{% endfor %}
left join scores on spine.profile_id = scores.profile_id
left join consents on spine.profile_id = consents.profile_id
