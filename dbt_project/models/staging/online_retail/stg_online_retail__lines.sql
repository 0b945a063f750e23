{{ config(materialized='view') }}

with records as (
    select * from {{ ref('base_online_retail') }}
    where outcome = 'accepted'
),

lines as (
    select
        record_id,
        _batch_id,
        _file,
        _line,
        record_key as line_id,
        invoice_id,
        invoice_at,
        customer_id,
        country,
        stock_code,
        description,
        quantity,
        unit_price,
        {{ product('quantity', 'unit_price') }} as amount,
        case
            when upper(stock_code) like 'TEST%' then 'test'
            when upper(stock_code) in ('POST', 'DOT', 'C2') then 'shipping'
            when upper(stock_code) = 'D' then 'discount'
            when upper(stock_code) = 'M' then 'manual'
            when upper(stock_code) = 'S' then 'sample'
            when upper(stock_code) in ('BANK CHARGES', 'AMAZONFEE', 'CRUK', 'B') then 'fee'
            when upper(stock_code) like 'GIFT%' then 'voucher'
            else 'product'
        end as item_kind
    from records
)

select
    *,
    case
        when item_kind = 'test' then 'test'
        when invoice_id like 'C%' then 'cancellation'
        when invoice_id like 'A%' then 'adjustment'
        when quantity < 0 then 'stock_movement'
        when unit_price <= 0 or quantity = 0 then 'giveaway'
        else 'sale'
    end as line_kind,
    customer_id is null as is_guest
from lines
