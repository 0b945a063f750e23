{#- A profile that is known by a cookie or a device alone, with events of crawlers only, is no
    person. -#}
with

events as (
    select visitor_profile_id as profile_id, is_excluded from {{ ref('event_profiles') }}
    where visitor_profile_id is not null
),

mapping as (
    select profile_id, identifier_type from {{ ref('identifier_mapping') }}
),

crawlers as (
    select profile_id from events
    group by profile_id
    having bool_and(is_excluded)
),

named as (
    select distinct profile_id from mapping
    where identifier_type not in ('cookie', 'device_id')
)

select crawlers.profile_id
from crawlers
left join named on crawlers.profile_id = named.profile_id
where named.profile_id is null
