select
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
    updated_at
from {{ ref('stg_products__products') }}
where coalesce(created_at, updated_at) < {{ as_of() }}
