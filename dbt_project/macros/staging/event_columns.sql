{#- What is read of an event, as the Segment Spec names it: the call itself, and what surrounded it. -#}
{% macro event_fields() -%}
    {%- set fields = {} -%}
    {%- for name in ['messageId', 'type', 'event', 'name', 'anonymousId', 'userId', 'previousId', 'groupId', 'timestamp',
                     'originalTimestamp', 'sentAt', 'receivedAt', 'properties', 'traits'] -%}
        {%- do fields.update({name: 'text'}) -%}
    {%- endfor -%}
    {{ return(fields) }}
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

{#-
Typed columns of an event out of its struct `record`. Properties are the sender's own: one that is not of its usual type is
NULL here and stays readable in `properties`.
-#}
{% macro event_columns() -%}
    {%- set context = 'surroundings."context"' -%}
    {%- set property_fields = {} -%}
    {%- for name in ['product_id', 'name', 'category', 'brand', 'price', 'quantity', 'order_id', 'revenue', 'total',
                     'currency', 'query', 'path', 'url', 'referrer'] -%}
        {%- do property_fields.update({name: 'text'}) -%}
    {%- endfor -%}
    event_id, type,
    case type
        when 'track' then track_name when 'page' then 'Page Viewed' when 'screen' then 'Screen Viewed' else type
    end as event,
    case when type in ('page', 'screen') then {{ filled('record."name"') }} end as page_name,
    anonymous_id, user_id,
    {{ filled('record."previousId"') }} as previous_id,
    {{ filled('record."groupId"') }} as group_id,
    event_at,
    {{ try_timestamp('record."receivedAt"') }} as received_at,
    {{ filled(context ~ '."device"."id"') }} as device_id,
    lower({{ filled(context ~ '."device"."type"') }}) as device_type,
    {{ filled(context ~ '."os"."name"') }} as os_name,
    {{ filled(context ~ '."browser"."name"') }} as browser_name,
    {{ filled(context ~ '."location"."country"') }} as country,
    {{ filled(context ~ '."location"."region"') }} as region,
    {{ filled(context ~ '."location"."city"') }} as city,
    {{ filled(context ~ '."timezone"') }} as timezone,
    {{ filled(context ~ '."locale"') }} as locale,
    {{ filled(context ~ '."userAgent"') }} as user_agent,
    {{ filled(context ~ '."consent"') }} as consent,
    record."properties" as properties,
    coalesce(record."traits", {{ context }}."traits") as traits,
    {{ json_struct('record."properties"', property_fields) }} as property,
    {{ context }}."page" as page,
    {{ context }}."campaign" as campaign,
    {{ person_traits() }} as own
{%- endmacro %}

{#- Traits of the person: those of a group call describe the group; what context.traits says is the person's always. -#}
{% macro person_traits() -%}
    {{ json_struct(
        "case when type <> 'group' then coalesce(record.\"traits\", surroundings.\"context\".\"traits\")
          else surroundings.\"context\".\"traits\" end",
        {'email': 'text', 'phone': 'text'}
    ) }}
{%- endmacro %}

{#- Columns out of the structs that event_columns leaves: properties, page, campaign and the person's own traits. -#}
{% macro event_detail_columns() -%}
    {{ filled('property.product_id') }} as product_id,
    case when property.product_id is not null then {{ filled('property.name') }} end as product_name,
    {{ filled('property.category') }} as category,
    {{ filled('property.brand') }} as brand,
    {{ try_amount('property.price') }} as price,
    {{ try_amount('property.quantity') }} as quantity,
    {{ filled('property.order_id') }} as order_id,
    {{ try_amount('coalesce(property.revenue, property.total)') }} as revenue,
    {{ filled('property.currency') }} as currency,
    {{ filled('property.query') }} as search_query,
    {{ filled('campaign.source') }} as utm_source,
    {{ filled('campaign.medium') }} as utm_medium,
    {{ filled('campaign.name') }} as utm_campaign,
    nullif({{ filled('coalesce(page.referrer, property.referrer)') }}, '$direct') as referrer,
    {{ filled('coalesce(page.path, property.path)') }} as page_path,
    {{ filled('coalesce(page.url, property.url)') }} as page_url,
    {{ filled('own.email') }} as trait_email,
    {{ filled('own.phone') }} as trait_phone
{%- endmacro %}
