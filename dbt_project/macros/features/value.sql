{#- Place among its like in five equal parts, 1 to 5; equal values share a place, so no tie is
    broken by chance. -#}
{% macro quintile(ordering, partition) -%}
    (1 + (5 * (rank() over (partition by {{ partition }} order by {{ ordering }}) - 1))
        // count(*) over (partition by {{ partition }}))::bigint
{%- endmacro %}

{#- Columns of features__orders about a person's orders, one per line; the input is
    features.order_facts. -#}
{% macro value_features() -%}
    {%- for suffix, days in {'7d': 7, '30d': 30, '90d': 90, '365d': 365,
        'lifetime': none}.items() %}
    {{ count_in('is_purchase::integer', days) }} as orders_{{ suffix }},
    {{ sum_in('net_revenue', days) }} as revenue_{{ suffix }},
    {%- endfor %}
    {{ count_in('is_purchase::integer', 90) }} - {{ count_in('is_purchase::integer', 180, 90) }}
        as orders_change_90d,
    {{ sum_in('net_revenue', 90) }} - {{ sum_in('net_revenue', 180, 90) }} as revenue_change_90d,
    min(ordered_at) filter (where is_purchase) as first_order_at,
    max(ordered_at) filter (where is_purchase) as last_order_at,
    min(age_days) filter (where is_purchase) as days_since_last_order,
    max(age_days) filter (where is_purchase) as days_since_first_order,
    {{ share('sum(total) filter (where is_purchase)', 'count(*) filter (where is_purchase)') }}
        as average_order_value,
    (max(total) filter (where is_purchase))::double as largest_order_value,
    ({{ exact_average('gap_days') }})::double as average_order_gap_days,
    (max(gap_days))::double as longest_order_gap_days,
    {{ count_in('items_purchased') }} as items_lifetime,
    {{ share('sum(items_purchased)', 'count(*) filter (where is_purchase)') }}
        as average_items_per_order,
    {{ sum_in('margin') }} as margin_lifetime,
    {{ share('sum(margin)', 'sum(net_revenue) filter (where margin is not null)') }}
        as margin_share,
    {{ sum_in('discount') }} as discount_lifetime,
    {{ share(
        'sum(discount) filter (where is_purchase and subtotal is not null)',
        'sum(subtotal) filter (where is_purchase)'
    ) }} as discount_share,
    {{ share('count(coupon) filter (where is_purchase)', 'count(*) filter (where is_purchase)') }}
        as coupon_order_share,
    {{ count_in('is_cancelled::integer') }} as cancelled_orders_lifetime,
    {{ count_in('(refunded > 0)::integer') }} as refunded_orders_lifetime,
    {{ sum_in('refunded') }} as refunded_lifetime,
    {{ share('sum(refunded) filter (where is_purchase)', 'sum(total) filter (where is_purchase)') }}
        as refund_share,
    {{ share("count(*) filter (where is_purchase and channel = 'store')",
        'count(*) filter (where is_purchase)') }}
        as store_order_share
{%- endmacro %}

{#- A number, 0 where it is negative; NULL stays NULL. -#}
{% macro not_below_zero(expression) -%}
    case when {{ expression }} < 0 then 0 else {{ expression }} end
{%- endmacro %}
