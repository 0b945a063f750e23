{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'contact_id': 'text', 'email': 'text', 'phone': 'text', 'first_name': 'text', 'last_name': 'text',
    'birth_date': 'date', 'gender': 'text', 'country': 'text', 'region': 'text', 'city': 'text',
    'postal_code': 'text', 'income_band': 'text', 'marital_status': 'text', 'household_size': 'integer',
    'education': 'text', 'occupation': 'text', 'loyalty_id': 'text', 'user_id': 'text',
    'lifecycle_stage': 'text', 'lead_source': 'text', 'created_at': 'timestamp', 'updated_at': 'timestamp'
} %}

with landed as (
    {{ new_records('crm_contacts') }}
),

typed as (
    {{ typed_records('landed', columns, required=['contact_id', 'updated_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['contact_id']) }} as fault,
        contact_id || '@' || cast(updated_at as varchar) as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
