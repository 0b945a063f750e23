{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set times = ['record."timestamp"', 'record."originalTimestamp"', 'record."sentAt"', 'record."receivedAt"'] %}

with landed as (
    {{ new_records('events') }}
),

parsed as (
    select
        *,
        {{ json_struct('_raw', event_fields()) }} as record,
        {{ json_struct('_raw', event_context_fields()) }} as surroundings
    from landed
),

-- The content of a retry is that of the message: when it was sent, a timestamp corrected by that, and context are not.
named as (
    select
        *,
        record is not null as is_object,
        {{ filled('record."messageId"') }} as event_id,
        lower({{ filled('record."type"') }}) as type,
        {{ filled('record."anonymousId"') }} as anonymous_id,
        {{ filled('record."userId"') }} as user_id,
        {{ filled('record."event"') }} as track_name,
        coalesce({{ times | join(', ') }}) as any_time,
        coalesce({% for time in times %}{{ try_timestamp(time) }}{{ ", " if not loop.last }}{% endfor %}) as event_at,
        md5(concat_ws(
            '|', record."type", record."event", record."name", record."anonymousId", record."userId",
            record."previousId", record."groupId", coalesce(record."originalTimestamp", record."timestamp"),
            record."properties", record."traits"
        )) as content_hash
    from parsed
),

found as (
    select
        *,
        nullif(concat_ws(
            ', ',
            case when type is null then 'type' end,
            case when type = 'track' and track_name is null then 'event' end,
            case when any_time is null then 'timestamp' end,
            case when coalesce(anonymous_id, user_id) is null then 'userId or anonymousId' end
        ), '') as missing,
        case when event_at is null and any_time is not null then 'timestamp' end as invalid,
        case when event_at < timestamp '1990-01-01' then 'timestamp' end as too_early,
        case when event_at > _loaded_at + interval 1 day then 'timestamp' end as too_late
    from named
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(
            key=['event_id'], allowed={'type': ['track', 'identify', 'page', 'screen', 'group', 'alias']}
        ) }} as fault,
        event_id as record_key,
        event_at as occurred_at
    from found
),

{{ settled_records('judged') }},

typed as (
    select
        {{ settled_columns() }},
        {{ event_columns() }}
    from settled
)

select
    * exclude (property, page, own, campaign),
    {{ event_detail_columns() }}
from typed
