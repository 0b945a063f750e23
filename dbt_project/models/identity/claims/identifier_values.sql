{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(
        named('value', 'select identifier_type, value from ' ~ ref('spelling_changes'))
    ) }}"
) }}
{% if is_partial() %}
select * from {{ ref('spelling_changes') }} where records > 0
{%- else %}
{{ judged_spellings("select * from " ~ ref('identifier_claims')) }}
{%- endif %}
