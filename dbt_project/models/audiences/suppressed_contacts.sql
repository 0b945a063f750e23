-- Generated from config/syncs by `make generate`: change the configuration, not this file.
with

suppressions as (
    select
        identifier_type,
        coalesce({{ contact_key('channel') }}, 'any') as channel,
        {{ contact_key('identifier') }} as identifier
    from {{ source('activation', 'suppressions') }}
),

identifiers as (
    select
        identifier_type,
        profile_id,
        {{ contact_key('identifier') }} as identifier
    from {{ ref('identifier_mapping') }}
),

owners as (
    select
        'profile_id' as identifier_type,
        identifiers.profile_id as identifier,
        suppressions.channel
    from suppressions
    inner join identifiers
        on
            suppressions.identifier_type = identifiers.identifier_type
            and suppressions.identifier = identifiers.identifier
),

bounced as (
    select
        'profile_id' as identifier_type,
        profile_id as identifier,
        'email' as channel
    from {{ ref('messages') }}
    where event_type = 'bounce' and profile_id is not null and occurred_at < {{ as_of() }}
    group by profile_id
    having count(*) >= 3
)

select
    identifier_type,
    identifier,
    channel
from suppressions
where identifier is not null
union
select * from owners
union
select * from bounced
