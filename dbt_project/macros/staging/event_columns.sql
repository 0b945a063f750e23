{#-
Columns of an event, each with how it is judged (see column_specs). Properties are the sender's own:
one that is not of its usual type is NULL here and stays readable in `properties`.
-#}
{% macro event_columns() -%}
    {%- set context = 'surroundings."context"' -%}
    {%- set columns = {
        'event_id': {'type': 'key', 'text': 'record."messageId"', 'on_fault': 'record'},
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
        'product_id': {'type': 'key', 'text': 'property.product_id'},
        'order_id': {'type': 'key', 'text': 'property.order_id'},
        'currency': {'type': 'currency', 'text': 'property.currency'},
        'category': {'type': 'category', 'text': 'property.category'},
        'consent': {'type': 'text', 'text': context ~ '."consent"'},
        'trait_email': {'type': 'text', 'text': 'own.email'},
        'trait_phone': {'type': 'text', 'text': 'own.phone'},
        'trait_birthday': {'type': 'date', 'text': 'own.birthday'},
        'trait_gender': {'type': 'word', 'text': 'own.gender'},
        'page_path': {'type': 'text', 'text': 'coalesce(' ~ context
            ~ '."page"."path", property.path)'},
        'page_url': {'type': 'text', 'text': 'coalesce(' ~ context
            ~ '."page"."url", property.url)'},
        'referrer': {'type': 'text', 'text': "nullif(coalesce(" ~ context
            ~ ".\"page\".\"referrer\", property.referrer), '$direct')"},
        'product_name': {'type': 'text',
        'text': 'case when property.product_id is not null then property.name end'},
        'tracker_session_id': {'type': 'text', 'text': tracker_session()},
    } -%}
    {%- for name, text in {
        'os_name': '"os"."name"', 'browser_name': '"browser"."name"',
        'region': '"location"."region"',
        'city': '"location"."city"', 'timezone': '"timezone"', 'locale': '"locale"',
        'user_agent': '"userAgent"',
        'utm_source': '"campaign"."source"', 'utm_medium': '"campaign"."medium"',
        'utm_campaign': '"campaign"."name"'
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
            'text': "case " ~ kind ~ " when 'OBJECT' then '{}' when 'NULL' then null else " ~ kind
                ~ " end"}}) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{#-
The id that the tracker gave the visit: context.sessionId of RudderStack, ga_session_id of Google
Analytics, session_id of others. NULL for a source with `sessions: pauses`. A 0 is how trackers
write that there is no visit.
-#}
{% macro tracker_session() -%}
    {%- set stated = 'nullif(coalesce(surroundings."context"."sessionId",
        surroundings."context"."session_id", property.session_id, property.ga_session_id),
        \'0\')' -%}
    {%- set without = sources_with_pauses() -%}
    {%- if without -%}
    case when _source not in ('{{ without | join("', '") }}') then {{ stated }} end
    {%- else -%}
    {{ stated }}
    {%- endif -%}
{%- endmacro %}
