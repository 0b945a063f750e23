{%- set specs = column_specs({
    'product_id': {'type': 'key', 'text': 'item.product_id'},
    'product_name': {'type': 'text', 'text': 'item.name'},
    'category': {'type': 'category', 'text': 'item.category'},
    'quantity': {'type': 'amount', 'text': 'item.quantity', 'min': -1000000, 'max': 1000000},
    'unit_price': {'type': 'amount', 'text': 'item.unit_price'},
    'unit_cost': {'type': 'amount', 'text': 'item.unit_cost'},
}) -%}

with orders as (
    select *, {{ is_plain('items') }} as is_plain from {{ ref('stg_orders__orders') }}
),

items as (
    {{ json_array_items(
        'orders', ['order_id', 'ordered_at', 'record_id', '_batch_id', '_file', '_line',
            'is_plain'], 'items',
        ['product_id', 'name', 'category', 'quantity', 'unit_price', 'unit_cost']
    ) }}
),

judged as (
    {{ judged_fields('items', specs) }}
)

select
    order_id || ':' || cast(ordinal as varchar) as order_item_id,
    order_id,
    ordered_at,
    {{ specs.keys() | join(', ') }},
    {{ product('quantity', 'unit_price') }} as amount,
    {{ product('quantity', 'unit_cost') }} as cost,
    cleared,
    fields_accepted,
    fields_empty,
    record_id,
    _batch_id,
    _file,
    _line
from judged
