{{ config(materialized='passing', database='memory') }}
{% set replaced = replaced_sources() -%}
{% set is_reread = "source in ('" ~ replaced | join("', '") ~ "')" -%}
with

fresh as (
    {%- for source in claim_sources() %}
    select * from {{ ref('claims__' ~ source) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)
{%- if not replaced %}

-- What earlier runs heard stays, and what this run hears is added: nothing is looked up.
select * from fresh
where {{ is_partial() | lower }}
{%- else %},

held as (
    {{ merged_claims('select * from ' ~ kept('identifier_claims') ~ ' where ' ~ is_reread) }}
),

gone as (
    -- What a source that is read again does not say any more, or says otherwise.
    select * from held
    except
    select * from fresh
),

said as (
    select * from fresh where {{ is_reread }}
    except
    select * from held
)

select * from fresh
where not {{ is_reread }}
union all
select * from said
union all
select gone.* exclude (first_seen_at, last_seen_at, record_id, records), null, null, null, 0
from gone
anti join said
    on gone.source = said.source and gone.rule = said.rule
    and gone.left_type = said.left_type and gone.left_value = said.left_value
    and gone.right_type is not distinct from said.right_type
    and gone.right_value is not distinct from said.right_value and gone.country is not distinct
        from said.country
{%- endif %}
