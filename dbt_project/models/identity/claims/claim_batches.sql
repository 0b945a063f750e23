{{ config(materialized='passing', database='memory') }}
with

batches as (
    {%- for source, (relation, observed_at) in claim_relations().items() %}
    select '{{ source }}' as source, _batch_id, count(*) as records, bit_xor(hash(_line)) as digest
    from {{ ref(relation) }}
    where {{ observed_at }} < {{ as_of() }}
    group by _batch_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

aliases as (
    select _batch_id, previous_id from {{ ref('stg_events__events') }}
    where type = 'alias' and event_at < {{ as_of() }}
),

users as (
    select distinct user_id from {{ ref('stg_events__events') }}
    where event_at < {{ as_of() }} and user_id in (select previous_id from aliases)
),

renames as (
    -- What an alias names is a user id from the moment that one is known: that changes what its
    -- batch says.
    select _batch_id, count(*) as renames
    from aliases
    where previous_id in (select user_id from users)
    group by _batch_id
),

landed as (
    select batches.*, coalesce(renames.renames, 0) as renames
    from batches
    left join renames on batches._batch_id = renames._batch_id and batches.source = 'events'
),

held as (
    {% if is_partial() -%} select * from {{ kept('extracted_batches') }} {%- else -%} select *
        from landed where false {%- endif %}
)

select
    coalesce(landed.source, held.source) as source,
    coalesce(landed._batch_id, held._batch_id) as _batch_id,
    landed.records,
    landed.digest,
    landed.renames,
    case
        when held.source is null then 'new'
        when landed.source is null then 'gone'
        when
            (landed.records is distinct from held.records)
            or (landed.digest is distinct from held.digest)
            or (landed.renames is distinct from held.renames) then 'changed'
        else 'known'
    end as state
from landed
full join held on landed.source = held.source and landed._batch_id = held._batch_id
