with spine as (

    select * from {{ ref('spine') }}

),

tags as (

    select * from {{ source('ml', 'text_tags') }}

),

tickets as (

    select * from {{ ref('tickets') }} where profile_id is not null

),

surveys as (

    select * from {{ ref('surveys') }} where profile_id is not null

),

texts as (

    select tickets.profile_id, tickets.created_at as written_at, tags.kind, tags.text_id,
        tags.language, tags.topic,
        tags.sentiment
    from tickets
    inner join tags on tags.kind = 'ticket' and tickets.ticket_id = tags.text_id

    union all

    select surveys.profile_id, surveys.submitted_at, tags.kind, tags.text_id, tags.language,
        tags.topic, tags.sentiment
    from surveys
    inner join tags on tags.kind = 'survey' and surveys.response_id = tags.text_id

),

known as (

    select
        spine.profile_id,
        spine.as_of,
        {{ all_but('texts', ['profile_id']) }},
        {{ whole_days_before('texts.written_at', 'spine.as_of') }} as age_days
    from spine
    left join texts
        on spine.profile_id = texts.profile_id
        and spine.as_of > texts.written_at

)

select
    profile_id,
    as_of,
    {{ latest_known('topic', 'written_at', 'text_id') }} as last_text_topic,
    {{ latest_known('language', 'written_at', 'text_id') }} as last_text_language,
    ({{ latest_known('sentiment', 'written_at', 'text_id') }})::double as last_text_sentiment,
    ({{ exact_average('sentiment') }} filter (where age_days < 365))::double
        as average_text_sentiment_365d,
    {{ count_in("(kind = 'ticket' and sentiment <= -0.3)::integer", 90) }} as negative_tickets_90d
from known
group by profile_id, as_of
