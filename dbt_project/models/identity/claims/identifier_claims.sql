{{ config(materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(same_claim()) }}") }}
with

changes as (
    select * from {{ ref('claim_changes') }} where records > 0
),

{% if not is_partial() -%}
{% for source in claim_sources() %}
claims_of_{{ source }} as (
    select * from {{ ref('claims__' ~ source) }}
),

{% endfor %}
{%- endif -%}
claims as (
    {% if is_partial() -%} select * from changes
    {%- else -%}
    {%- for source in claim_sources() %}
    select * from claims_of_{{ source }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- endif %}
)

select * from claims
