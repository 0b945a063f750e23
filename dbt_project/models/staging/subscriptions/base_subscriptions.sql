{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'change_id': 'key', 'subscription_id': 'key', 'user_id': 'id', 'email': 'text',
    'plan': {'type': 'word', 'values': ['free', 'basic', 'pro', 'premium']},
    'status': {'type': 'word', 'values': ['trialing', 'active', 'past_due', 'cancelled'],
        'same_as': {'canceled': 'cancelled', 'trial': 'trialing'}},
    'mrr': {'type': 'amount', 'min': 0}, 'currency': 'currency', 'billing_period': 'word',
    'started_at': 'timestamp', 'changed_at': 'timestamp', 'ended_at': 'timestamp_ahead'
} %}

with landed as (
    {{ new_records('subscriptions') }}
),

typed as (
    {{ typed_records('landed', columns, required=['change_id', 'subscription_id', 'plan', 'status',
        'changed_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['change_id']) }} as fault,
        {{ state_key('change_id', 'changed_at') }} as record_key,
        changed_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
