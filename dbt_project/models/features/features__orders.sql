with spine as (

    select * from {{ ref('spine') }}

),

order_facts as (

    select * from {{ ref('order_facts') }}

),

measured as (

    select
        spine.profile_id,
        spine.as_of,
        {{ value_features() }}
    from spine
    left join order_facts
        on spine.profile_id = order_facts.profile_id
        and spine.as_of = order_facts.as_of
    group by spine.profile_id, spine.as_of

),

ranked as (

    select
        measured.*,
        orders_lifetime > 0 as is_buyer,
        {{ quintile('days_since_last_order desc', 'as_of, orders_lifetime > 0') }}
            as recency_quintile,
        {{ quintile('orders_lifetime', 'as_of, orders_lifetime > 0') }} as frequency_quintile,
        {{ quintile('revenue_lifetime', 'as_of, orders_lifetime > 0') }} as monetary_quintile
    from measured

)

select
    {{ all_but('ranked', ['is_buyer', 'recency_quintile', 'frequency_quintile',
        'monetary_quintile']) }},
    orders_lifetime > 1 as is_repeat_buyer,
    {{ share('days_since_last_order', 'average_order_gap_days') }} as order_gap_overdue_ratio,
    case when is_buyer then recency_quintile else 0 end as rfm_recency_score,
    case when is_buyer then frequency_quintile else 0 end as rfm_frequency_score,
    case when is_buyer then monetary_quintile else 0 end as rfm_monetary_score,
    case when is_buyer then recency_quintile + frequency_quintile + monetary_quintile
        else 0 end as rfm_score,
    case
        when not is_buyer then 'none'
        when monetary_quintile = 5 then 'top'
        when monetary_quintile = 4 then 'high'
        when monetary_quintile >= 2 then 'medium'
        else 'low'
    end as value_bracket
from ranked
