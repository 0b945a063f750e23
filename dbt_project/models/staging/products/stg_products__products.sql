with records as (
    select * from {{ ref('base_products') }}
    where outcome = 'accepted'
),

-- An accepted record is unique by product_id and updated_at: the newest state of each.
newest as (
    select *
    from records
    qualify row_number() over (partition by product_id order by updated_at desc) = 1
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
    currency,
    is_luxury,
    is_active,
    created_at,
    updated_at,
    _batch_id,
    _file,
    _line
from newest
