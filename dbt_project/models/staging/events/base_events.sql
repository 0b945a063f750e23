{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = event_columns() %}
{%- set times = ['record."timestamp"', 'record."originalTimestamp"', 'record."sentAt"',
    'record."receivedAt"'] %}

with landed as (
    {{ new_records('events') }}
),

parsed as (
    select
        *,
        record is not null as is_object,
        case when record is not null then {{ json_keys('_raw') }} end as keys,
        case when record is not null then {{ json_types('_raw', event_parts()) }} end as parts,
        {{ json_struct('record."properties"', event_property_fields()) }} as property,
        {{ person_traits() }} as own
    from (
        select
            *,
            {{ is_plain('_raw') }} as is_plain,
            {{ json_struct('_raw', event_fields()) }} as record,
            {{ json_struct('_raw', event_context_fields()) }} as surroundings
        from landed
    ) as structured
),

read as (
    {{ judged_values('parsed', column_specs(columns), [],
        event_fields().keys() | list + event_context_fields().keys() | list
            + ignored_event_fields()) }}
),

timed as (
    select
        *,
        {{ try_timestamp('record."timestamp"') }} as stated_at,
        {{ try_timestamp('record."originalTimestamp"') }} as original_at,
        {{ try_timestamp('record."sentAt"') }} as sent_at
    from read
),

-- The content of a retry is that of its message, except the context and the time of sending.
named as (
    select
        *,
        coalesce({% for time in times %}{{ stated(time) }}{{ ', ' if not loop.last }}{% endfor %})
            as any_time,
        {{ event_time() }} as event_at,
        {{ event_time_basis() }} as event_time_basis,
        md5(concat_ws(
            '|', record."type", record."event", record."name", record."anonymousId",
            record."userId", record."previousId", record."groupId",
            coalesce(record."originalTimestamp", record."timestamp"),
            record."properties", record."traits"
        )) as content_hash
    from timed
),

found as (
    select
        * replace (
            {{ own_key('event_id', 'events') }} as event_id,
            {{ gaps_of_event() }} as missing,
            nullif(concat_ws(
                ', ',
                invalid,
                case when event_at is null and any_time is not null then 'timestamp' end,
                case when coalesce(anonymous_id, user_id) is null then 'userId or anonymousId' end
            ), '') as invalid,
            case when event_at < timestamp '1990-01-01' then 'timestamp' end as too_early,
            case when event_at > _loaded_at + interval 1 day then 'timestamp' end as too_late
        )
    from named
),

judged as {{ streamed() }} (
    select
        *,
        {{ first_fault(key=['event_id']) }} as fault,
        event_id as record_key,
        event_at as occurred_at
    from found
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    event_id, type,
    case type
        when 'track' then {{ event_name('track_name') }}
        when 'page' then 'Page Viewed' when 'screen' then 'Screen Viewed' else type
    end as event,
    case when type in ('page', 'screen') then name end as page_name,
    event_at, event_time_basis,
    {{ columns.keys() | reject('in', ['event_id', 'type', 'track_name', 'name']
        + event_part_columns()) | join(', ') }}
from settled
