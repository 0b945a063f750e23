{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(changed_links()) }}"
) }}
{% if is_partial() %}
select * exclude (is_moved) from {{ ref('link_changes') }} where records > 0
{%- else %}
{{ gathered_links(stated_links("select * from " ~ ref('identifier_claims'),
    "select * from " ~ ref('identifier_values')), ref('identifiers')) }}
{%- endif %}
