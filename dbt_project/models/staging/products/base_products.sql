{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'product_id': 'key', 'sku': 'text', 'name': 'text', 'category': 'category',
    'subcategory': 'category',
    'brand': 'text', 'price': {'type': 'amount', 'min': 0}, 'cost': {'type': 'amount', 'min': 0},
    'currency': 'currency', 'is_luxury': 'boolean',
    'is_active': 'boolean', 'created_at': 'timestamp', 'updated_at': 'timestamp'
} %}

with landed as (
    {{ new_records('products') }}
),

typed as (
    {{ typed_records('landed', columns, required=['product_id', 'name', 'category',
        'updated_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['product_id']) }} as fault,
        {{ state_key('product_id', 'updated_at') }} as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
