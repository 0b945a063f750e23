{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(regrouped()) }}"
) }}
-- depends_on: {{ ref('group_changes') }}, {{ ref('contested_links') }},
-- {{ ref('yielding_links') }}, {{ ref('wide_components') }}, {{ ref('identifiers') }}
{% if is_partial() -%}
select * exclude (last_seen_at) from {{ ref('group_changes') }}
{%- else -%}
{{ found_groups() }}
{%- endif %}
