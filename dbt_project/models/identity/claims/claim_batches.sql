{{ config(materialized='transient', database='memory') }}
with

{% for source, (relation, observed_at) in claim_relations().items() %}
records_of_{{ source }} as (
    select _batch_id, _line from {{ ref(relation) }}
    where {{ observed_at }} < {{ as_of() }}
),

{% endfor %}
events as {{ streamed() }} (
    select _batch_id, type, user_id, previous_id from {{ ref('stg_events__events') }}
    where event_at < {{ as_of() }}
),

batches as (
    {%- for source in claim_relations() %}
    select '{{ source }}' as source, _batch_id, count(*) as records, bit_xor(hash(_line)) as digest
    from records_of_{{ source }}
    group by _batch_id
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

aliases as (
    select _batch_id, previous_id from events where type = 'alias'
),

users as (
    select distinct user_id from events where user_id in (select previous_id from aliases)
),

renames as (
    -- The value of an alias is a user id from the time at which that id is known: that changes the
    -- claims of its batch.
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

existing as (
    {% if is_partial() -%} select * from {{ kept('extracted_batches') }} {%- else -%} select *
        from landed where false {%- endif %}
)

select
    coalesce(landed.source, existing.source) as source,
    coalesce(landed._batch_id, existing._batch_id) as _batch_id,
    landed.records,
    landed.digest,
    landed.renames,
    case
        when existing.source is null then 'new'
        when landed.source is null then 'removed'
        when
            (landed.records is distinct from existing.records)
            or (landed.digest is distinct from existing.digest)
            or (landed.renames is distinct from existing.renames) then 'changed'
        else 'known'
    end as state
from landed
full join existing on landed.source = existing.source and landed._batch_id = existing._batch_id
