{{ config(materialized='view') }}
with

decisions as (
    {{ applying_decisions() }}
),

inherited as (
    {{ all_reached('former') }}
),

standings_now as (
    select profile_id, purpose, channel, is_refused, is_granted
    from {{ ref('consent_standings') }}
    where profile_id is not null
),

-- Each refused identifier by itself: a grant on one of them does not lift the refusal of another.
refused as (
    select
        inherited.profile_id,
        inherited.identifier_type,
        inherited.identifier,
        uses.purpose,
        uses.channel,
        coalesce(inherited.channel, 'any') = uses.channel as is_specific,
        false as is_grant,
        coalesce(inherited.decided_at, timestamp '9999-12-31') as decided_at
    from inherited
    inner join {{ consent_uses() }} as uses on {{ touches_use('inherited', 'uses', 'false') }}
),

heirs as (
    select distinct identifier_type, identifier, profile_id, left_at from inherited
),

granted as (
    -- What the person has granted by an identifier that is theirs now, or by the refused one while
    -- it was theirs.
    select
        heirs.profile_id, heirs.identifier_type, heirs.identifier, decisions.purpose,
        decisions.channel,
        decisions.is_specific, decisions.is_grant, decisions.decided_at
    from heirs
    inner join decisions on heirs.profile_id = decisions.profile_id
    where decisions.is_grant
    union all
    select
        heirs.profile_id, heirs.identifier_type, heirs.identifier, decisions.purpose,
        decisions.channel,
        decisions.is_specific, decisions.is_grant, decisions.decided_at
    from heirs
    inner join decisions
        on heirs.identifier_type = decisions.identifier_type
            and heirs.identifier = decisions.identifier
    where decisions.is_grant and (heirs.left_at is null or decisions.decided_at < heirs.left_at)
),

decided as (
    select * from refused
    union all
    select * from granted
),

newest as (
    select
        profile_id,
        purpose,
        channel,
        identifier_type,
        identifier,
        max(decided_at) filter (where is_grant and is_specific) as granted_here_at,
        max(decided_at) filter (where is_grant) as granted_at,
        max(decided_at) filter (where not is_grant and is_specific) as refused_here_at,
        max(decided_at) filter (where not is_grant and not is_specific) as refused_widely_at
    from decided
    group by profile_id, purpose, channel, identifier_type, identifier
),

standings as (
    select * from standings_now
    union all
    select
        profile_id,
        purpose,
        channel,
        {{ is_in_force('refused_here_at', 'refused_widely_at', 'granted_here_at', 'granted_at') }},
        false
    from newest
)

select
    profile_id,
    purpose,
    channel,
    bool_or(is_refused) as is_refused,
    bool_or(is_granted) as is_granted
from standings
group by profile_id, purpose, channel
