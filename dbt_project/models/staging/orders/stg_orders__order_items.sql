with orders as (
    select * from {{ ref('stg_orders__orders') }}
),

items as (
    {{ json_array_items(
        'orders', ['order_id', 'ordered_at', 'record_id', '_batch_id', '_file', '_line'], 'items',
        ['product_id', 'name', 'category', 'quantity', 'unit_price', 'unit_cost']
    ) }}
),

typed as (
    select
        order_id || ':' || cast(ordinal as varchar) as order_item_id,
        order_id,
        ordered_at,
        {{ filled('item.product_id') }} as product_id,
        {{ filled('item.name') }} as product_name,
        {{ filled('item.category') }} as category,
        {{ try_amount('item.quantity') }} as quantity,
        {{ try_amount('item.unit_price') }} as unit_price,
        {{ try_amount('item.unit_cost') }} as unit_cost,
        record_id,
        _batch_id,
        _file,
        _line
    from items
)

select
    *,
    {{ product('quantity', 'unit_price') }} as amount,
    {{ product('quantity', 'unit_cost') }} as cost
from typed
