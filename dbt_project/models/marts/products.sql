with

stated as (
    select * from {{ ref('stg_products__products') }}
),

policy as (
    select reporting_currency, default_currency from {{ ref('reporting_currency') }}
),

rates as (
    select * from {{ ref('currency_rates') }}
),

categories as (
    select * from {{ ref('categories') }}
),

products as (
    select stated.*, coalesce(stated.currency, policy.default_currency) as known_currency,
        policy.reporting_currency
    from stated
    cross join policy
)

select
    products.product_id,
    products.sku,
    products.name,
    coalesce(categories.category, products.category) as category,
    products.subcategory,
    products.brand,
    {{ converted('products.price', 'rates.rate') }} as price,
    {{ converted('products.cost', 'rates.rate') }} as cost,
    products.reporting_currency as currency,
    products.is_luxury,
    products.is_active,
    products.created_at,
    products.updated_at,
    products.known_currency as original_currency,
    products.price as original_price,
    products.cost as original_cost
from products
left join rates
    on {{ rate_applies('rates', 'products.known_currency', as_of()) }}
left join categories on {{ category_key('products.category') }}
    = categories.category_key
where coalesce(products.created_at, products.updated_at) < {{ as_of() }}
