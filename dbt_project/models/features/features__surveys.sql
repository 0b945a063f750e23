with spine as (

    select * from {{ ref('spine') }}

),

surveys as (

    select * from {{ ref('surveys') }} where profile_id is not null

),

known as (

    select
        spine.profile_id,
        spine.as_of,
        {{ all_but('surveys', ['profile_id']) }}
    from spine
    left join surveys
        on spine.profile_id = surveys.profile_id
        and spine.as_of > surveys.submitted_at

)

select
    profile_id,
    as_of,
    {% for answer in survey_answers() %}
    ({{ latest_known(answer, 'submitted_at', 'response_id') }})::bigint as {{ answer }},
    {% endfor %}
    count(response_id) as survey_responses_lifetime,
    count(response_id) > 0 as is_known_survey,
    {{ whole_days_before('max(submitted_at)', 'as_of') }} as days_since_last_survey
from known
group by profile_id, as_of
