{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows('node in (select node from ' ~ ref('identifier_changes') ~ ')') }}"
) }}
{% if is_partial() %}
select * exclude (is_moved) from {{ ref('identifier_changes') }} where records > 0
{%- else %}
{{ gathered_identifiers("select * from " ~ ref('identifier_values')) }}
{%- endif %}
