with records as (
    select * from {{ ref('base_products') }}
    where outcome = 'accepted'
),

newest as (
    select *
    from records
    qualify {{ is_newest_state('product_id', 'updated_at') }}
)

select
    record_id,
    product_id,
    sku,
    name,
    category,
    subcategory,
    brand,
    price,
    cost,
    {{ stated_currency() }} as currency,
    is_luxury,
    is_active,
    created_at,
    updated_at,
    _batch_id,
    _file,
    _line
from newest
