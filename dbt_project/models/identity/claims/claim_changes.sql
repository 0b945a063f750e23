{{ config(materialized='transient', database='memory') }}
{% set replaced = replaced_sources() -%}
{% set is_reread = "source in ('" ~ replaced | join("', '") ~ "')" -%}
with

{% for source in claim_sources() %}
claims_of_{{ source }} as (
    select * from {{ ref('claims__' ~ source) }}
),

{% endfor %}
fresh as (
    {%- for source in claim_sources() %}
    select * from claims_of_{{ source }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
{%- if not replaced %}

-- Claims of earlier runs stay, and this run appends its own: nothing is looked up.
select * from fresh
where {{ is_partial() | lower }}
{%- else %},

existing as (
    {{ merged_claims('select * from ' ~ kept('identifier_claims') ~ ' where ' ~ is_reread) }}
),

removed as (
    -- What a source that is read again no longer states, or states differently.
    select * from existing
    except
    select * from fresh
),

added as (
    select * from fresh where {{ is_reread }}
    except
    select * from existing
)

select * from fresh
where not {{ is_reread }}
union all
select * from added
union all
select removed.* exclude (first_seen_at, last_seen_at, record_id, records), null, null, null, 0
from removed
anti join added
    on removed.source = added.source and removed.rule = added.rule
    and removed.left_type = added.left_type and removed.left_value = added.left_value
    and removed.right_type is not distinct from added.right_type
    and removed.right_value is not distinct from added.right_value
    and removed.country is not distinct from added.country
{%- endif %}
