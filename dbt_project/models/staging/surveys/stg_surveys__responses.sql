{{ config(materialized='view') }}

with records as (
    select * from {{ ref('base_surveys') }}
    where outcome = 'accepted'
)

select
    record_id,
    response_id,
    survey,
    email,
    user_id,
    submitted_at,
    answers,
    {{ survey_answer_columns().keys() | join(', ') }},
    comment,
    _batch_id,
    _file,
    _line
from records
