{{ config(materialized='view') }}
with

decisions as (
    {{ applying_decisions() }}
),

newest as (
    select
        identifier_type,
        identifier,
        purpose,
        channel,
        max(profile_id) as profile_id,
        max(decided_at) filter (where is_grant and is_specific) as granted_here_at,
        max(decided_at) filter (where is_grant) as granted_at,
        max(decided_at) filter (where not is_grant and is_specific) as refused_here_at,
        max(decided_at) filter (where not is_grant and not is_specific) as refused_widely_at
    from decisions
    group by identifier_type, identifier, purpose, channel
),

final as (
    select
        *,
        {{ is_in_force('refused_here_at', 'refused_widely_at', 'granted_here_at', 'granted_at') }}
            as is_refused
    from newest
)

select
    identifier_type,
    identifier,
    purpose,
    channel,
    profile_id,
    is_refused,
    granted_at is not null and not is_refused as is_granted
from final
