{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'event_id': 'text', 'event_type': 'text', 'email': 'text', 'campaign_id': 'text', 'campaign_name': 'text',
    'subject': 'text', 'link_url': 'text', 'anonymous_id': 'text', 'user_agent': 'text',
    'occurred_at': 'timestamp'
} %}

with landed as (
    {{ new_records('email_events') }}
),

typed as (
    {{ typed_records('landed', columns, required=['event_id', 'event_type', 'email', 'occurred_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['event_id'],
            allowed={
                'event_type': ['sent', 'delivered', 'open', 'click', 'bounce', 'unsubscribe', 'spam_report']
            }) }} as fault,
        event_id as record_key,
        occurred_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
