{#-
What became of everything that landed: a count per source, batch, subject and name. The subjects are described in the yml.
Values of a column that can be cleared are counted as landed, accepted and cleared; records as landed, accepted,
quarantined and duplicates.
-#}
with balances as (
    select * from {{ ref('landing_balance') }}
),

rejected as (
    select * from {{ ref('quarantine') }}
),

known_categories as (
    select * from {{ ref('categories') }} where is_known
),

events as (
    select * from {{ ref('stg_events__events') }} where category is not null
),

counts as (
    {%- for subject in ['landed', 'accepted', 'quarantined', 'duplicates'] %}
    select source, batch_id, 'records_{{ subject }}' as subject, cast(null as varchar) as name, {{ subject }} as counted
    from balances
    union all
    {%- endfor %}
    select _source, _batch_id, 'records_quarantined_by_reason', reason, count(*)
    from rejected
    group by all
    {%- for source in landed_sources() %}
    union all
    {{ values_of(source, 'values_landed', sum_of='values_landed') }}
    union all
    {{ values_of(source, 'values_accepted', sum_of='values_accepted') }}
    union all
    {{ names_counted(source, 'values_cleared', 'cleared') }}
    union all
    {{ names_counted(source, 'columns_unread', 'unread') }}
    {%- endfor %}
    union all
    {{ names_counted('orders', 'amounts_marked', 'marks') }}
    union all
    select 'events', _batch_id, 'times_by_basis', event_time_basis, count(*)
    from {{ ref('base_events') }}
    where outcome = 'accepted' and event_time_basis not in ('stated', 'original')
    group by all
    union all
    select 'events', _batch_id, 'categories_unknown', 'category', count(*)
    from events
    where {{ category_key('category') }} not in (select category_key from known_categories)
    group by all
)

select source, batch_id, subject, name, cast(counted as bigint) as counted
from counts
where counted > 0
