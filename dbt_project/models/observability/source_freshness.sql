with balances as (
    select * from {{ ref('landing_balance') }}
),

times as (
    select * from {{ ref('record_times') }}
),

landings as (
    select
        source,
        cast(sum(landed) as bigint) as landed,
        cast(sum(accepted) as bigint) as accepted,
        cast(sum(quarantined) as bigint) as quarantined,
        cast(sum(duplicates) as bigint) as duplicates,
        max(loaded_at) as last_landed_at
    from balances
    group by source
)

select
    coalesce(times.source, landings.source) as source,
    coalesce(landings.landed, 0) as landed,
    coalesce(landings.accepted, 0) as accepted,
    coalesce(landings.quarantined, 0) as quarantined,
    coalesce(landings.duplicates, 0) as duplicates,
    times.oldest_at,
    times.newest_at,
    landings.last_landed_at,
    date_diff('hour', times.newest_at, {{ as_of() }}) as hours_behind
from times
full outer join landings on times.source = landings.source
