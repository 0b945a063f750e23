{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'change_id': 'text', 'subscription_id': 'text', 'user_id': 'text', 'email': 'text', 'plan': 'text',
    'status': 'text', 'mrr': 'amount', 'currency': 'text', 'billing_period': 'text', 'started_at': 'timestamp',
    'changed_at': 'timestamp', 'ended_at': 'timestamp_ahead'
} %}

with landed as (
    {{ new_records('subscriptions') }}
),

typed as (
    {{ typed_records('landed', columns, required=['change_id', 'subscription_id', 'plan', 'status', 'changed_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['change_id'],
            allowed={
                'plan': ['free', 'basic', 'pro', 'premium'],
                'status': ['trialing', 'active', 'past_due', 'cancelled']
            }) }} as fault,
        change_id as record_key,
        changed_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
