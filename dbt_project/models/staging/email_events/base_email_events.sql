{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'event_id': 'key',
    'event_type': {'type': 'word',
        'values': ['sent', 'delivered', 'open', 'click', 'bounce', 'unsubscribe', 'spam_report'],
        'same_as': {'opened': 'open', 'clicked': 'click', 'bounced': 'bounce',
        'unsubscribed': 'unsubscribe',
            'spamreport': 'spam_report', 'spam': 'spam_report', 'complaint': 'spam_report'}},
    'email': 'text', 'campaign_id': 'key', 'campaign_name': 'text', 'subject': 'text',
    'link_url': 'text',
    'anonymous_id': 'id', 'user_agent': 'text', 'occurred_at': 'timestamp'
} %}

with landed as (
    {{ new_records('email_events') }}
),

typed as (
    {{ typed_records('landed', columns, required=['event_id', 'event_type', 'email',
        'occurred_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['event_id']) }} as fault,
        event_id as record_key,
        occurred_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
