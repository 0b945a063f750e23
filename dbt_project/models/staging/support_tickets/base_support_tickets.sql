{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'ticket_id': 'text', 'email': 'text', 'user_id': 'text', 'subject': 'text', 'body': 'text',
    'channel': 'text', 'priority': 'text', 'status': 'text', 'category': 'text', 'created_at': 'timestamp',
    'updated_at': 'timestamp', 'resolved_at': 'timestamp', 'satisfaction': 'integer'
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
        {{ first_fault(key=['ticket_id'],
            checks=[['satisfaction not between 1 and 5', 'unknown_value: satisfaction']]) }} as fault,
        ticket_id || '@' || cast(updated_at as varchar) as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
