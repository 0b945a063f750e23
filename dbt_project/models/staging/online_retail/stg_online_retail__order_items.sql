{{ config(materialized='view') }}

with lines as (
    select * from {{ ref('stg_online_retail__lines') }}
    where line_kind in ('sale', 'cancellation')
)

select
    line_id as order_item_id,
    invoice_id as order_id,
    invoice_at as ordered_at,
    customer_id,
    stock_code as product_id,
    description as product_name,
    item_kind,
    quantity,
    unit_price,
    amount,
    record_id,
    _batch_id,
    _file,
    _line
from lines
