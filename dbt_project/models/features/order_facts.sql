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
        {{ all_but('orders', ['profile_id', 'is_cancelled', 'refunded', 'net_revenue',
            'margin']) }},
        {{ whole_days_before('orders.ordered_at', 'spine.as_of') }} as age_days,
        -- A cancellation or refund of later than the as_of has not happened yet.
        orders.is_cancelled and orders.updated_at < spine.as_of as is_cancelled,
        case when orders.updated_at < spine.as_of then orders.refunded else 0 end as refunded,
        case when orders.updated_at < spine.as_of then orders.net_revenue
            else orders.total end as net_revenue,
        case when orders.updated_at < spine.as_of then orders.margin
            else orders.total - orders.cost end as margin
    from spine
    inner join orders
        on spine.profile_id = orders.profile_id
        and spine.as_of > orders.ordered_at

)

select
    profile_id,
    as_of,
    order_id,
    ordered_at,
    age_days,
    not is_cancelled as is_purchase,
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
        when not is_cancelled then
            {{ seconds_between(
                'lag(ordered_at) over (partition by profile_id, as_of, is_cancelled '
                    ~ 'order by ordered_at, order_id)',
                'ordered_at',
            ) }} / 86400.0
    end as gap_days
from known
