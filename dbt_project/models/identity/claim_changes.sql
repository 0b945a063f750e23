{{ config(materialized='passing', database='memory') }}
-- depends_on: {{ ref('claim_batches') }}
{% set replaced = replaced_sources() %}
with

fresh as (
    {%- for source in claim_sources() %}
    select * from {{ ref('claims__' ~ source) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

held as (
    {% if is_partial() -%} select * from {{ kept('identifier_claims') }} {%- else -%} select * from fresh {%- endif %}
),

added as (
    select * from fresh
    where source not in ('{{ replaced | join("', '") }}')
),

merged as (
    select
        source, rule, left_type, left_value, right_type, right_value, country,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(struct_pack(at := first_seen_at, record_id := record_id)).record_id as record_id,
        cast(sum(records) as bigint) as records
    from (
        select * from added
        union all
        select held.* from held
        semi join added
            on held.source = added.source and held.rule = added.rule
            and held.left_type = added.left_type and held.left_value = added.left_value
            and held.right_value is not distinct from added.right_value
    ) as claims
    group by all
),

gone as (
    -- What a source that is read anew does not say any more, or says otherwise.
    select * from held
    where source in ('{{ replaced | join("', '") }}')
    except
    select * from fresh
),

said as (
    select * from fresh
    where source in ('{{ replaced | join("', '") }}')
    except
    select * from held
)

select * from merged
where {{ is_partial() | lower }}
union all
select * from said
where {{ is_partial() | lower }}
union all
select gone.* exclude (first_seen_at, last_seen_at, record_id, records), null, null, null, 0
from gone
anti join said
    on gone.source = said.source and gone.rule = said.rule
    and gone.left_type = said.left_type and gone.left_value = said.left_value
    and gone.right_type is not distinct from said.right_type
    and gone.right_value is not distinct from said.right_value and gone.country is not distinct from said.country
where {{ is_partial() | lower }}
