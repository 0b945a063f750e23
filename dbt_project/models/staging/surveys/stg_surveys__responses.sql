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
    comment,
    _batch_id,
    _file,
    _line
from records
