with crawlers as (

    select profile_id from {{ ref('crawler_profiles') }}

),

restricted as (

    select profile_id from {{ ref('restricted_profiles') }}

),

identifiers as (

    select *
    from {{ ref('identifier_mapping') }}
    where
        profile_id not in (select profile_id from crawlers)
        and profile_id not in (select profile_id from restricted)

),

first_seen as (

    select
        profile_id,
        min(first_seen_at) as first_seen_at
    from identifiers
    group by profile_id

),

as_ofs as (

    {% for days in var('spine_days') %}
    select
        {{ as_of() }} - interval '{{ days }} days' as as_of,
        {{ days }} as days_before_clock
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    first_seen.profile_id,
    as_ofs.as_of,
    as_ofs.days_before_clock = 0 as is_current,
    as_ofs.days_before_clock::bigint as days_before_clock,
    first_seen.first_seen_at
from first_seen
inner join as_ofs on first_seen.first_seen_at < as_ofs.as_of
