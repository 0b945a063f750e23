{#- What is read of an event, as the Segment Spec names it: the call itself, and what surrounded it. -#}
{% macro event_fields() -%}
    {%- set fields = {} -%}
    {%- for name in ['messageId', 'type', 'event', 'name', 'anonymousId', 'userId', 'previousId', 'groupId', 'timestamp',
                     'originalTimestamp', 'sentAt', 'receivedAt', 'properties', 'traits'] -%}
        {%- do fields.update({name: 'text'}) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}

{#- Names of the Segment Spec that say nothing of a person, and are not counted as unread. -#}
{% macro ignored_event_fields() -%}
    {{ return(['integrations', 'version', 'channel', 'writeKey', 'projectId', '_metadata', 'category']) }}
{%- endmacro %}

{% macro event_context_fields() -%}
    {{ return({'context': {
        'userAgent': 'text', 'locale': 'text', 'timezone': 'text', 'traits': 'text',
        'page': {'path': 'text', 'url': 'text', 'referrer': 'text'},
        'campaign': {'source': 'text', 'medium': 'text', 'name': 'text'},
        'device': {'id': 'text', 'type': 'text'}, 'os': {'name': 'text'}, 'browser': {'name': 'text'},
        'location': {'country': 'text', 'region': 'text', 'city': 'text'},
        'consent': 'text'
    }}) }}
{%- endmacro %}

{% macro event_property_fields() -%}
    {%- set fields = {} -%}
    {%- for name in ['product_id', 'name', 'category', 'brand', 'price', 'quantity', 'order_id', 'revenue', 'total',
                     'currency', 'query', 'path', 'url', 'referrer'] -%}
        {%- do fields.update({name: 'text'}) -%}
    {%- endfor -%}
    {{ return(fields) }}
{%- endmacro %}

{#- Parts of an event that must be objects; one that is not is as good as not there, and is counted. -#}
{% macro event_parts() -%}
    {{ return(['context', 'context.page', 'context.campaign', 'context.device', 'context.location', 'context.traits']) }}
{%- endmacro %}

{% macro event_part_columns() -%}
    {{ return(event_parts() | map('replace', '.', '_') | list) }}
{%- endmacro %}

{#-
Columns of an event, each with how it is judged (see column_specs). Properties are the sender's own: one that is not of its
usual type is NULL here and stays readable in `properties`.
-#}
{% macro event_columns() -%}
    {%- set context = 'surroundings."context"' -%}
    {%- set columns = {
        'event_id': {'type': 'id', 'text': 'record."messageId"', 'on_fault': 'record'},
        'type': {'type': 'word', 'text': 'record."type"', 'on_fault': 'record',
            'values': ['track', 'identify', 'page', 'screen', 'group', 'alias']},
        'track_name': {'type': 'text', 'text': 'record."event"'},
        'name': {'type': 'text', 'text': 'record."name"'},
        'anonymous_id': {'type': 'id', 'text': 'record."anonymousId"'},
        'user_id': {'type': 'id', 'text': 'record."userId"'},
        'previous_id': {'type': 'id', 'text': 'record."previousId"'},
        'group_id': {'type': 'id', 'text': 'record."groupId"'},
        'received_at': {'type': 'timestamp', 'text': 'record."receivedAt"'},
        'properties': {'type': 'object', 'text': 'record."properties"'},
        'traits': {'type': 'object', 'text': 'coalesce(record."traits", ' ~ context ~ '."traits")'},
        'device_id': {'type': 'id', 'text': context ~ '."device"."id"'},
        'device_type': {'type': 'word', 'text': context ~ '."device"."type"'},
        'country': {'type': 'country', 'text': context ~ '."location"."country"'},
        'price': {'type': 'amount', 'text': 'property.price', 'min': 0},
        'quantity': {'type': 'amount', 'text': 'property.quantity', 'min': 0, 'max': 1000000},
        'revenue': {'type': 'amount', 'text': 'coalesce(property.revenue, property.total)'},
        'product_id': {'type': 'id', 'text': 'property.product_id'},
        'order_id': {'type': 'id', 'text': 'property.order_id'},
        'currency': {'type': 'currency', 'text': 'property.currency'},
        'category': {'type': 'category', 'text': 'property.category'},
        'consent': {'type': 'text', 'text': context ~ '."consent"'},
        'trait_email': {'type': 'text', 'text': 'own.email'},
        'trait_phone': {'type': 'text', 'text': 'own.phone'},
        'page_path': {'type': 'text', 'text': 'coalesce(' ~ context ~ '."page"."path", property.path)'},
        'page_url': {'type': 'text', 'text': 'coalesce(' ~ context ~ '."page"."url", property.url)'},
        'referrer': {'type': 'text', 'text': "nullif(coalesce(" ~ context ~ ".\"page\".\"referrer\", property.referrer), '$direct')"},
        'product_name': {'type': 'text', 'text': 'case when property.product_id is not null then property.name end'},
    } -%}
    {%- for name, text in {
        'os_name': '"os"."name"', 'browser_name': '"browser"."name"', 'region': '"location"."region"',
        'city': '"location"."city"', 'timezone': '"timezone"', 'locale': '"locale"', 'user_agent': '"userAgent"',
        'utm_source': '"campaign"."source"', 'utm_medium': '"campaign"."medium"', 'utm_campaign': '"campaign"."name"'
    }.items() -%}
        {%- do columns.update({name: {'type': 'text', 'text': context ~ '.' ~ text}}) -%}
    {%- endfor -%}
    {%- for name, text in {'brand': 'brand', 'search_query': 'query'}.items() -%}
        {%- do columns.update({name: {'type': 'text', 'text': 'property.' ~ text}}) -%}
    {%- endfor -%}
    {%- for part in event_parts() -%}
        {#- parts: the JSON type of each, by its place in event_parts. -#}
        {%- set kind = 'parts[' ~ loop.index ~ ']' -%}
        {%- do columns.update({event_part_columns()[loop.index0]: {'type': 'object',
            'text': "case " ~ kind ~ " when 'OBJECT' then '{}' when 'NULL' then null else " ~ kind ~ " end"}}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#- Traits of the person: those of a group call describe the group; what context.traits says is the person's always. -#}
{% macro person_traits() -%}
    {{ json_struct(
        "case when lower(trim(record.\"type\")) <> 'group' then coalesce(record.\"traits\", surroundings.\"context\".\"traits\")
          else surroundings.\"context\".\"traits\" end",
        {'email': 'text', 'phone': 'text'}
    ) }}
{%- endmacro %}
