{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(regrouped()) }}"
) }}
{%- set relations = relations_of_groups() -%}
{%- set group_changes = ref('group_changes') -%}
{% if is_partial() -%}
select * exclude (last_seen_at) from {{ group_changes }}
{%- else -%}
{{ found_groups(relations) }}
{%- endif %}
