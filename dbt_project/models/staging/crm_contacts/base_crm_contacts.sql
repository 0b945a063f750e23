{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'contact_id': 'key', 'email': 'text', 'phone': 'text', 'first_name': 'text',
    'last_name': 'text',
    'birth_date': 'date', 'gender': 'word', 'country': 'country', 'region': 'text', 'city': 'text',
    'postal_code': 'text', 'income_band': 'word', 'marital_status': 'word',
    'household_size': {'type': 'integer', 'min': 1, 'max': 30}, 'education': 'word',
    'occupation': 'text',
    'loyalty_id': 'id', 'user_id': 'id', 'lifecycle_stage': 'word', 'lead_source': 'word',
    'created_at': 'timestamp', 'updated_at': 'timestamp'
} %}

with landed as (
    {{ new_records('crm_contacts') }}
),

read as (
    {{ typed_records('landed', columns, required=['contact_id', 'updated_at']) }}
),

typed as (
    select * replace ({{ own_key('contact_id', 'crm_contacts') }} as contact_id) from read
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['contact_id']) }} as fault,
        {{ state_key('contact_id', 'updated_at') }} as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
