-- Landed is counted in raw, the rest in what staging made of it: what one of them lost shows as a
-- difference.
with

{% for name in landed_sources() %}
raw_{{ name }} as (
    select _source, _batch_id, _file, _loaded_at from {{ source('raw', name) }}
),

base_{{ name }} as (
    select _source, _batch_id, outcome from {{ ref('base_' ~ name) }}
),

{% endfor -%}
held as (
    select _source, _batch_id, reason from {{ ref('held_records') }}
),

landed as (
    {%- for name in landed_sources() %}
    select _source as source, _batch_id as batch_id, min(_file) as file,
        min(_loaded_at) as loaded_at, count(*) as landed
    from raw_{{ name }}
    group by _source, _batch_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

judged as (
    {%- for name in landed_sources() %}
    select _source as source, _batch_id as batch_id, outcome, count(*) as records
    from base_{{ name }}
    group by _source, _batch_id, outcome
    union all
    {%- endfor %}
    -- The record of a deferred order counts as quarantined, not as accepted.
    select _source, _batch_id, 'accepted', -count(*) from held
        group by _source, _batch_id
    union all
    select _source, _batch_id, 'quarantined', count(*) from held
        group by _source, _batch_id
    union all
    select _source, _batch_id, 'deferred', count(*) from held
    where reason = 'unknown_rate'
    group by _source, _batch_id
),

outcomes as (
    select
        source,
        batch_id,
        cast(sum(records) filter (where outcome = 'accepted') as bigint) as accepted,
        cast(sum(records) filter (where outcome = 'quarantined') as bigint) as quarantined,
        cast(sum(records) filter (where outcome = 'duplicate') as bigint) as duplicates,
        cast(sum(records) filter (where outcome = 'deferred') as bigint) as deferred
    from judged
    group by source, batch_id
)

select
    source,
    batch_id,
    landed.file,
    landed.loaded_at,
    coalesce(landed.landed, 0) as landed,
    coalesce(outcomes.accepted, 0) as accepted,
    coalesce(outcomes.quarantined, 0) as quarantined,
    coalesce(outcomes.duplicates, 0) as duplicates,
    coalesce(outcomes.deferred, 0) as deferred
from landed
full outer join outcomes using (source, batch_id)
