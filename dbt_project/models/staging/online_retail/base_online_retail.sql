{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {
    'invoice_id': ['key', 'InvoiceNo'], 'stock_code': ['key', 'StockCode'],
    'description': ['text', 'Description'],
    'quantity': {'type': 'integer', 'field': 'Quantity', 'min': -1000000, 'max': 1000000},
    'invoice_at': ['timestamp', 'InvoiceDate'],
    'unit_price': {'type': 'amount', 'field': 'UnitPrice', 'min': -1000000, 'max': 1000000},
    'customer_number': {'type': 'integer', 'field': 'CustomerID', 'min': 1},
    'country': ['country', 'Country']
} %}

with landed as (
    {{ new_records('online_retail') }}
),

typed as (
    {{ typed_records(
        'landed', columns, required=['invoice_id', 'stock_code', 'quantity', 'invoice_at',
            'unit_price']
    ) }}
),

-- A till scans the same item twice: the second such line of a file is another line, in each file
-- that contains both.
numbered as (
    select
        *,
        row_number() over (partition by _batch_id, content_hash order by _line) as nth_in_file
    from typed
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['invoice_id']) }} as fault,
        content_hash || '#' || cast(nth_in_file as varchar) as record_key,
        invoice_at as occurred_at
    from numbered
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    invoice_id,
    stock_code,
    description,
    quantity,
    invoice_at,
    unit_price,
    cast(customer_number as varchar) as customer_id,
    country
from settled
