{{ config(materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(same_claim()) }}") }}
{%- set claim_changes = ref('claim_changes') -%}
{% if is_partial() -%}
select * from {{ claim_changes }} where records > 0
{%- else -%}
{%- for source in claim_sources() %}
select * from {{ ref('claims__' ~ source) }}
{{ 'union all' if not loop.last }}
{%- endfor %}
{%- endif %}
