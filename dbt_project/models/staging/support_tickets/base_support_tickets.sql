{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'ticket_id': 'key', 'email': 'text', 'user_id': 'id', 'subject': 'text', 'body': 'text',
    'channel': 'word', 'priority': 'word', 'status': 'word', 'category': 'word',
    'created_at': 'timestamp',
    'updated_at': 'timestamp', 'resolved_at': {'type': 'timestamp',
    'must': 'resolved_at >= created_at'},
    'satisfaction': {'type': 'integer', 'min': 1, 'max': 5}
} %}

with landed as (
    {{ new_records('support_tickets') }}
),

typed as (
    {{ typed_records('landed', columns, required=['ticket_id', 'created_at', 'updated_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['ticket_id']) }} as fault,
        {{ state_key('ticket_id', 'updated_at') }} as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
