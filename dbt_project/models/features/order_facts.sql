with spine as (

    select * from {{ ref('spine') }}

),

orders as (

    select * from {{ ref('orders') }} where profile_id is not null

),

known as (

    select
        spine.profile_id,
        spine.as_of,
        {{ all_but('orders', ['profile_id']) }},
        not orders.is_cancelled as is_purchase,
        {{ whole_days_before('orders.ordered_at', 'spine.as_of') }} as age_days
    from spine
    inner join orders
        on spine.profile_id = orders.profile_id
        and orders.ordered_at < spine.as_of

)

select
    profile_id,
    as_of,
    order_id,
    ordered_at,
    age_days,
    is_purchase,
    is_cancelled,
    channel,
    coupon,
    items as items_purchased,
    subtotal,
    discount,
    total,
    refunded,
    net_revenue,
    margin,
    case
        when is_purchase then
            {{ seconds_between(
                'lag(ordered_at) over (partition by profile_id, as_of, is_purchase order by ordered_at, order_id)',
                'ordered_at',
            ) }} / 86400.0
    end as gap_days
from known
