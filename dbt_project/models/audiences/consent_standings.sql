with

decisions as (
    select
        identifier_type,
        {{ contact_key('identifier') }} as identifier,
        profile_id,
        {{ contact_key('purpose') }} as purpose,
        coalesce({{ contact_key('channel') }}, 'any') as channel,
        coalesce({{ contact_key('status') }} = 'granted', false) as is_grant,
        -- A refusal without a time stands for ever; a grant without one is none.
        coalesce(decided_at, timestamp '9999-12-31') as decided_at
    from {{ ref('consents') }}
    -- A refusal counts as soon as it is known; a grant only from its time on.
    where
        coalesce({{ contact_key('status') }} <> 'granted', true)
        or decided_at < {{ as_of() }}
),

newest_decisions as (
    select
        identifier_type,
        identifier,
        purpose,
        channel,
        is_grant,
        max(profile_id) as profile_id,
        max(decided_at) as decided_at
    from decisions
    where identifier is not null
    group by identifier_type, identifier, purpose, channel, is_grant
),

uses as (
    select
        purposes.purpose,
        channels.channel
    from (values ('marketing'), ('advertising'), ('personalization'), ('analytics')) as purposes (purpose)
    cross join (values ('email'), ('sms'), ('push'), ('ads'), ('any')) as channels (channel)
),

applying_decisions as (
    select
        newest_decisions.identifier_type,
        newest_decisions.identifier,
        newest_decisions.profile_id,
        newest_decisions.is_grant,
        newest_decisions.decided_at,
        uses.purpose,
        uses.channel,
        newest_decisions.channel = uses.channel as is_specific
    from newest_decisions
    inner join uses
        on
            (
                newest_decisions.purpose = uses.purpose
                or (coalesce(newest_decisions.purpose, 'any') in ('any', 'all') and not newest_decisions.is_grant)
            )
            and (
                newest_decisions.channel in (uses.channel, 'any')
                or (uses.channel = 'any' and not newest_decisions.is_grant)
            )
),

summed_decisions as (
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
    from applying_decisions
    group by identifier_type, identifier, purpose, channel
),

final as (
    select
        identifier_type,
        identifier,
        purpose,
        channel,
        profile_id,
        granted_at,
        -- Of two at the same instant the refusal wins.
        coalesce(refused_here_at >= coalesce(granted_here_at, timestamp '0001-01-01'), false)
        or coalesce(refused_widely_at >= coalesce(granted_at, timestamp '0001-01-01'), false) as is_refused
    from summed_decisions
)

select
    identifier_type, identifier, purpose, channel, profile_id, is_refused,
    granted_at is not null and not is_refused as is_granted
from final
