{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(regrouped()) }}"
) }}
{%- set relations = relations_of_groups() -%}
with

changes as (
    select * exclude (last_seen_at) from {{ ref('group_changes') }}
),

grouped as (
    {% if is_partial() -%} select * from changes
    {%- else -%} {{ found_groups(relations) }}
    {%- endif %}
)

select * from grouped
