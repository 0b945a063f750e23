{#- A zone name that the engine does not know would stop the query, so it falls back to UTC. -#}
with sessions as (

    select * from {{ ref('sessions') }} where profile_id is not null

),

zones as (

    select name from {{ zone_names() }}

),

located as (

    select
        sessions.*,
        {{ local_time('sessions.started_at', "coalesce(zones.name, 'UTC')") }} as started_local
    from sessions
    left join zones on sessions.timezone = zones.name

)

select
    session_id,
    profile_id,
    started_at,
    started_local,
    case
        when extract(hour from started_local) < 6 then 'night'
        when extract(hour from started_local) < 12 then 'morning'
        when extract(hour from started_local) < 18 then 'afternoon'
        else 'evening'
    end as daypart,
    lower(dayname(started_local)) as weekday,
    extract(isodow from started_local) >= 6 as is_weekend,
    coalesce(device_type in ('mobile', 'tablet'), false) as is_mobile,
    device_type,
    os_name,
    browser_name,
    country,
    region,
    city,
    timezone,
    utm_source,
    utm_medium,
    utm_campaign,
    referrer
from located
