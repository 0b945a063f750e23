{#- A category is one however it is spelled: as interest_categories has it, else as the catalogue,
    else as most records. -#}
with

products as (
    select * from {{ ref('stg_products__products') }}
),

events as (
    select * from {{ ref('stg_events__events') }} where category is not null
        and event_at < {{ as_of() }}
),

order_items as (
    select * from {{ ref('stg_orders__order_items') }} where category is not null
        and ordered_at < {{ as_of() }}
),

spellings as (
    {%- for category in var('interest_categories') %}
    select '{{ category }}' as spelling, 1 as place, 0 as records
    union all
    {%- endfor %}
    select category, 2, count(*) from products where category is not null group by category
    union all
    select category, 3, count(*) from events group by category
    union all
    select category, 3, count(*) from order_items group by category
),

counted as (
    select spelling, place, {{ category_key('spelling') }} as category_key, sum(records) as records
    from spellings
    group by spelling, place
),

placed as (
    select
        *,
        row_number() over (partition by category_key order by place, records desc, spelling) as nth
    from counted
)

select
    category_key,
    max(spelling) filter (where nth = 1) as category,
    bool_or(place < 3) as is_known,
    count(distinct spelling) as spellings,
    cast(coalesce(sum(records) filter (where place = 3), 0) as bigint) as records
from placed
group by category_key
