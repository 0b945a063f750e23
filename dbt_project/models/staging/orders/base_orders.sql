{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'order_id': 'key', 'ordered_at': 'timestamp', 'updated_at': 'timestamp',
    'status': {'type': 'word', 'values': ['completed', 'cancelled', 'refunded',
        'partially_refunded'],
        'same_as': {'canceled': 'cancelled', 'complete': 'completed',
        'partial_refund': 'partially_refunded'}},
    'user_id': 'id', 'anonymous_id': 'id', 'email': 'text', 'phone': 'text', 'is_guest': 'boolean',
    'currency': 'text', 'subtotal': 'amount', 'discount': 'amount', 'shipping': 'amount',
    'tax': 'amount',
    'total': 'amount', 'refunded': {'type': 'amount', 'on_fault': 'record'}, 'coupon': 'text',
    'payment_method': 'word', 'channel': 'word',
    'items': 'text'
} %}

with landed as (
    {{ new_records('orders') }}
),

read as (
    {{ typed_records('landed', columns, required=['order_id', 'ordered_at', 'updated_at', 'status',
        'total']) }}
),

typed as (
    select
        * exclude (order_id, currency, discount, refunded),
        {{ own_key('order_id', 'orders') }} as order_id,
        upper(currency) as currency,
        case when abs(discount) > subtotal then subtotal else abs(discount) end as discount,
        case when {{ stated_refund() }} > total then total
            else {{ stated_refund() }} end as refunded,
        {{ order_marks() }} as marks
    from read
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['order_id'], checks=order_checks()) }} as fault,
        {{ state_key('order_id', 'updated_at') }} as record_key,
        updated_at as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    marks,
    {{ columns.keys() | join(', ') }}
from settled
