with

orders as (
    select * from {{ ref('stg_orders__orders') }} where ordered_at < {{ as_of() }}
),

retail_orders as (
    select order_id, 'online_retail:' || customer_id as user_id
    from {{ ref('stg_online_retail__orders') }}
    where ordered_at < {{ as_of() }}
),

placed as (
    {{ with_profile('orders', {
        'user_id': 'records.user_id', 'email': 'records.email', 'phone': 'records.phone',
        'cookie': 'records.anonymous_id',
    }) }}
),

placed_retail as (
    {{ with_profile('retail_orders', {'user_id': 'records.user_id'}) }}
)

select 'orders' as source, order_id, profile_id from placed
union all
select 'online_retail' as source, order_id, profile_id from placed_retail
