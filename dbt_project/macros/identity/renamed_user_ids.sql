{#- User ids known by now that an alias names as the previous id: a query in parentheses. -#}
{% macro renamed_user_ids() -%}
    (
        select user_id from {{ ref('stg_events__events') }}
        where
            event_at < {{ as_of() }}
            and user_id in (
                select previous_id from {{ ref('stg_events__events') }} where type = 'alias'
            )
    )
{%- endmacro %}
