with lines as (
    select * from {{ ref('stg_online_retail__lines') }}
    where line_kind in ('sale', 'cancellation')
),

orders as (
    select
        invoice_id as order_id,
        min(invoice_at) as ordered_at,
        case when min(line_kind) = 'cancellation' then 'cancelled' else 'completed' end as status,
        max(customer_id) as customer_id,
        bool_and(is_guest) as is_guest,
        max(country) as country,
        'GBP' as currency,
        count(*) as items,
        sum(case when line_kind = 'sale' and item_kind <> 'shipping' then amount else 0 end)
            as subtotal,
        sum(case when line_kind = 'sale' and item_kind = 'shipping' then amount else 0 end)
            as shipping,
        sum(case when line_kind = 'sale' then amount else 0 end) as total,
        sum(case when line_kind = 'cancellation' then -amount else 0 end) as refunded,
        min_by(record_id, _line) as record_id,
        min_by(_batch_id, _line) as _batch_id,
        min_by(_file, _line) as _file,
        min(_line) as _line
    from lines
    group by invoice_id
)

select * from orders
