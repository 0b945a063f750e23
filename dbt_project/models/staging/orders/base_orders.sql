{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'order_id': 'text', 'ordered_at': 'timestamp', 'updated_at': 'timestamp', 'status': 'text',
    'user_id': 'text', 'anonymous_id': 'text', 'email': 'text', 'phone': 'text', 'is_guest': 'boolean',
    'currency': 'text', 'subtotal': 'amount', 'discount': 'amount', 'shipping': 'amount', 'tax': 'amount',
    'total': 'amount', 'refunded': 'amount', 'coupon': 'text', 'payment_method': 'text', 'channel': 'text',
    'items': 'text'
} %}

with landed as (
    {{ new_records('orders') }}
),

typed as (
    {{ typed_records('landed', columns, required=['order_id', 'ordered_at', 'updated_at', 'status', 'total']) }}
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['order_id'],
            allowed={
                'status': ['completed', 'cancelled', 'refunded', 'partially_refunded']
            }) }} as fault,
        order_id || '@' || cast(updated_at as varchar) as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    {{ columns.keys() | join(', ') }}
from settled
