select
    product_id,
    sku,
    name,
    coalesce(categories.category, products.category) as category,
    subcategory,
    brand,
    price,
    cost,
    currency,
    is_luxury,
    is_active,
    created_at,
    updated_at
from {{ ref('stg_products__products') }} as products
left join {{ ref('categories') }} as categories on {{ category_key('products.category') }} = categories.category_key
where coalesce(created_at, updated_at) < {{ as_of() }}
