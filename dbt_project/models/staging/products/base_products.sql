{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'product_id': 'text', 'sku': 'text', 'name': 'text', 'category': 'text', 'subcategory': 'text',
    'brand': 'text', 'price': 'amount', 'cost': 'amount', 'currency': 'text', 'is_luxury': 'boolean',
    'is_active': 'boolean', 'created_at': 'timestamp', 'updated_at': 'timestamp'
} %}

with landed as (
    {{ new_records('products') }}
),

typed as (
    {{ typed_records('landed', columns, required=['product_id', 'name', 'category', 'updated_at']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['product_id']) }} as fault,
        product_id || '@' || cast(updated_at as varchar) as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
