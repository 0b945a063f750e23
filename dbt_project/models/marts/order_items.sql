with

order_profiles as (
    select * from {{ ref('order_profiles') }}
),

categories as (
    select * from {{ ref('categories') }}
),

rates as (
    select * from {{ ref('order_rates') }} where deferral_reason is null
),

shop_items as (
    select * from {{ ref('stg_orders__order_items') }}
),

retail_items as (
    select * from {{ ref('stg_online_retail__order_items') }}
),

items as (
    select
        'orders' as source, order_item_id, order_id, ordered_at, product_id, product_name, category,
        quantity,
        unit_price, amount, cost
    from shop_items
    union all
    select
        'online_retail', order_item_id, order_id, ordered_at, product_id, product_name, null,
        quantity,
        unit_price, amount, null
    from retail_items
)

select
    items.source || ':' || items.order_item_id as order_item_id,
    case when items.source = 'orders' then items.order_id
        else items.source || ':' || items.order_id end as order_id,
    items.source,
    order_profiles.profile_id,
    items.ordered_at,
    items.product_id,
    items.product_name,
    coalesce(categories.category, items.category) as category,
    items.quantity,
    -- An amount above any order's is an error of unit: it is no amount.
    {%- for amount in ['unit_price', 'amount', 'cost'] %}
    case
        when abs({{ converted('items.' ~ amount, 'rates.rate') }}) <= rates.max_order_total
            then {{ converted('items.' ~ amount, 'rates.rate') }}
    end as {{ amount }},
    {%- endfor %}
    rates.reporting_currency as currency,
    rates.currency as original_currency,
    items.unit_price as original_unit_price,
    items.amount as original_amount,
    items.cost as original_cost
from items
inner join rates on items.source = rates.source and items.order_id = rates.order_id
left join order_profiles on items.source = order_profiles.source
    and items.order_id = order_profiles.order_id
left join categories on {{ category_key('items.category') }} = categories.category_key
where items.ordered_at < {{ as_of() }}
