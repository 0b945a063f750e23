{#- The outcome of everything that landed: a count per source, batch, subject and name.
    docs/reference/data-quality.md. -#}
with balances as (
    select * from {{ ref('landing_balance') }}
),

-- Batches of mapped sources, which are judged with those of the source whose table they land in.
mapped as (
    select distinct source, batch_id
    from balances
    where source not in ('{{ landed_sources() | join("', '") }}')
),

rejected as (
    select * from {{ ref('quarantine') }}
),

known_categories as (
    select category_key from {{ ref('categories') }} where is_known
),

events as (
    select * from {{ ref('stg_events__events') }}
),

items as {{ streamed() }} (
    select * from {{ ref('stg_orders__order_items') }}
),

timed as (
    select _batch_id, event_time_basis from {{ ref('base_events') }}
    where outcome = 'accepted' and event_time_basis not in ('stated', 'original')
),

categories as (
    select 'events' as source, _batch_id, category from events
    union all
    select 'orders', _batch_id, category from items
),

counts as (
    {%- for subject in ['landed', 'accepted', 'quarantined', 'duplicates'] %}
    select source, batch_id, 'records_{{ subject }}' as subject, cast(null as varchar) as name,
        {{ subject }} as counted
    from balances
    union all
    {%- endfor %}
    select _source, _batch_id, 'records_quarantined_by_reason', reason, count(*)
    from rejected
    group by all
    union all
    select source, batch_id, 'records_held', 'unknown_rate', deferred from balances
    {%- for source in landed_sources() %}
    union all
    {{ values_counted(source) }}
    union all
    {{ names_counted(source, 'columns_unread', 'unread') }}
    {%- endfor %}
    union all
    {{ values_counted('orders', relation='items', prefix='items.') }}
    union all
    {{ names_counted('orders', 'amounts_marked', 'marks') }}
    union all
    select 'events', _batch_id, 'times_by_basis', event_time_basis, count(*)
    from timed
    group by all
    union all
    select 'events', _batch_id, 'event_names_unknown', {{ shown_name('event') }}, count(*)
    from events
    where type = 'track' and event not in ('{{ event_names() | join("', '") }}')
    group by all
    union all
    select source, _batch_id, 'categories_unknown', 'category', count(*)
    from categories
    where category is not null and {{ category_key('category') }} not in (select category_key
        from known_categories)
    group by all
    union all
    {{ lake_counts() }}
)

select
    coalesce(mapped.source, counts.source) as source,
    counts.batch_id,
    counts.subject,
    counts.name,
    cast(counts.counted as bigint) as counted
from counts
left join mapped on counts.batch_id = mapped.batch_id
where counts.counted > 0
