{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'response_id': 'key', 'survey': 'text', 'email': 'text', 'user_id': 'id',
    'submitted_at': 'timestamp',
    'answers': 'object', 'comment': 'text'
} %}
{%- do columns.update(survey_answer_columns()) %}

with landed as (
    {{ new_records('surveys') }}
),

typed as (
    {{ typed_records('landed', columns, required=['response_id', 'survey', 'submitted_at',
        'answers']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['response_id']) }} as fault,
        response_id as record_key,
        submitted_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
