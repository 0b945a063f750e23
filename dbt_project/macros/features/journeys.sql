{#- Every fact that can move a person, one row per fact, journey and stage it speaks for. -#}
{% macro journey_signals(events, purchases) -%}
    {%- for journey in var('journeys') %}
    {%- set outer_last = loop.last %}
    {%- for stage in journey.stages %}
    select
        '{{ journey.name }}' as journey,
        profile_id,
        {{ loop.index }} as stage_number,
        '{{ stage.name }}' as stage,
        '{{ stage.action | default('none') }}' as action,
        interval '{{ journey.lapse_after_days }} days' as lapse_after,
        event_at as occurred_at,
        case when type = 'page' then page_name || ' page' else event end as trigger,
        event_id as trigger_id
    from {{ events }}
    where {{ journey_condition(stage) }}

    union all

    select
        '{{ journey.name }}',
        profile_id,
        {{ loop.index }},
        '{{ stage.name }}',
        '{{ stage.action | default('none') }}',
        interval '{{ journey.lapse_after_days }} days',
        ordered_at,
        'order ' || purchase_number,
        order_id
    from {{ purchases }}
    where purchase_number >= {{ stage.orders | default('null') }}
    {{ 'union all' if not (loop.last and outer_last) }}
    {%- endfor %}
    {%- endfor %}
{%- endmacro %}

{% macro journey_condition(stage) -%}
    {%- set events = stage.events | default([]) -%}
    {%- set pages = stage.pages | default([]) -%}
    (type = 'track' and event in ('{{ events | join("', '") }}'))
    or (type = 'page' and page_name in ('{{ pages | join("', '") }}'))
{%- endmacro %}

{#- The end of each period of activity that is long enough ago to be known at the clock. -#}
{% macro journey_lapses(progress) -%}
    select
        journey,
        profile_id,
        case journey
            {%- for journey in var('journeys') %}
            when '{{ journey.name }}' then '{{ journey.lapsed_stage }}'
            {%- endfor %}
        end as stage,
        max(occurred_at) + max(lapse_after) as transitioned_at,
        'no activity' as trigger,
        cast(null as varchar) as trigger_id,
        case journey
            {%- for journey in var('journeys') %}
            when '{{ journey.name }}' then '{{ journey.lapsed_action | default('none') }}'
            {%- endfor %}
        end as action
    from {{ progress }}
    group by journey, profile_id, period
    having max(occurred_at) + max(lapse_after) < {{ as_of() }}
{%- endmacro %}
