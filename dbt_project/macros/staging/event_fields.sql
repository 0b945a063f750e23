{#- What is read of an event, as the Segment Spec names it: the call itself, and what
    surrounded it. -#}
{% macro event_fields() -%}
    {%- set fields = {} -%}
    {%- for name in ['messageId', 'type', 'event', 'name', 'anonymousId', 'userId', 'previousId',
        'groupId', 'timestamp',
                     'originalTimestamp', 'sentAt', 'receivedAt', 'properties', 'traits'] -%}
        {%- do fields.update({name: 'text'}) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}

{#- Names of the Segment Spec that describe no person, and are not counted as unread. -#}
{% macro ignored_event_fields() -%}
    {{ return(['integrations', 'version', 'channel', 'writeKey', 'projectId', '_metadata',
        'category']) }}
{%- endmacro %}

{% macro event_context_fields() -%}
    {{ return({'context': {
        'userAgent': 'text', 'locale': 'text', 'timezone': 'text', 'traits': 'text',
        'page': {'path': 'text', 'url': 'text', 'referrer': 'text'},
        'campaign': {'source': 'text', 'medium': 'text', 'name': 'text'},
        'device': {'id': 'text', 'type': 'text'}, 'os': {'name': 'text'},
        'browser': {'name': 'text'},
        'location': {'country': 'text', 'region': 'text', 'city': 'text'},
        'consent': 'text', 'sessionId': 'text', 'session_id': 'text'
    }}) }}
{%- endmacro %}

{% macro event_property_fields() -%}
    {%- set fields = {} -%}
    {%- for name in ['product_id', 'name', 'category', 'brand', 'price', 'quantity', 'order_id',
        'revenue', 'total',
                     'currency', 'query', 'path', 'url', 'referrer', 'session_id',
                     'ga_session_id'] -%}
        {%- do fields.update({name: 'text'}) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}

{#- Parts of an event that must be objects; one that is not is as good as not there, and is
    counted. -#}
{% macro event_parts() -%}
    {{ return(['context', 'context.page', 'context.campaign', 'context.device', 'context.location',
        'context.traits']) }}
{%- endmacro %}

{% macro event_part_columns() -%}
    {{ return(event_parts() | map('replace', '.', '_') | list) }}
{%- endmacro %}

{#- Traits of the person: those of a group call describe the group; those of context.traits are
    always the person's. -#}
{% macro person_traits() -%}
    {{ json_struct(
        "case when lower(trim(record.\"type\")) <> 'group'
            then coalesce(record.\"traits\", surroundings.\"context\".\"traits\")
          else surroundings.\"context\".\"traits\" end",
        {'email': 'text', 'phone': 'text', 'birthday': 'text', 'gender': 'text'}
    ) }}
{%- endmacro %}

{#- Names of what an event must have and leaves empty. Reads type, track_name and any_time besides
    the record. -#}
{% macro gaps_of_event() -%}
    nullif(concat_ws(
        ', ',
        case when {{ stated('record."messageId"') }} is null then 'event_id' end,
        case when {{ stated('record."type"') }} is null then 'type' end,
        case when type = 'track' and track_name is null then 'event' end,
        case when any_time is null then 'timestamp' end,
        case
            when coalesce({{ stated('record."anonymousId"') }},
                {{ stated('record."userId"') }}) is null
                then 'userId or anonymousId'
        end
    ), '')
{%- endmacro %}
