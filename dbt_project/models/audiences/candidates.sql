-- Generated from config/syncs by `make generate`: change the configuration, not this file.
with

profiles as (
    select * from {{ ref('profiles') }}
),

members as (
    select * from {{ ref('segment_memberships') }}
),

past_members as (
    select * from {{ ref('membership_history') }}
),

standings as (
    select * from {{ ref('consent_standings') }}
),

refusals as (
    select distinct
        profile_id,
        purpose,
        channel
    from standings
    where is_refused and profile_id is not null
),

grants as (
    select distinct
        profile_id,
        purpose,
        channel
    from standings
    where is_granted and profile_id is not null
),

addresses as (
    select * from standings
),

suppressed_addresses as (
    select distinct
        identifier_type,
        channel,
        {{ contact_key('identifier') }} as identifier
    from {{ source('activation', 'suppressions') }}
),

suppressed_profiles as (
    select
        identifiers.profile_id,
        suppressed_addresses.channel
    from suppressed_addresses
    inner join {{ ref('identifier_mapping') }} as identifiers
        on
            suppressed_addresses.identifier_type = identifiers.identifier_type
            and suppressed_addresses.identifier = {{ contact_key('identifiers.identifier') }}
    union
    select
        identifier as profile_id,
        channel
    from suppressed_addresses
    where identifier_type = 'profile_id'
    union
    select
        profile_id,
        'email' as channel
    from {{ ref('messages') }}
    where event_type = 'bounce' and profile_id is not null and occurred_at < {{ as_of() }}
    group by profile_id
    having count(*) >= 3
),

judged as (
    {{ judged_candidates({"name": "klaviyo_list", "segments": [], "past_members": false, "key": "nullif(lower(trim(cast(people.email as varchar))), '')", "address": "email", "address_type": "email", "purpose": "marketing", "channel": "email", "needs_grant": true, "opt_in_countries": [], "share": 0.05, "salt": "newsletter", "exclusive_group": "", "priority": 100}) }}
    union all
    {{ judged_candidates({"name": "marketing_webhook", "segments": [], "past_members": false, "key": "nullif(cast(people.profile_id as varchar), '')", "address": "email", "address_type": "email", "purpose": "marketing", "channel": "email", "needs_grant": true, "opt_in_countries": [], "share": 0, "salt": "", "exclusive_group": "", "priority": 100}) }}
    union all
    {{ judged_candidates({"name": "newsletter_file", "segments": [], "past_members": false, "key": "nullif(lower(trim(cast(people.email as varchar))), '')", "address": "email", "address_type": "email", "purpose": "marketing", "channel": "email", "needs_grant": true, "opt_in_countries": [], "share": 0.05, "salt": "newsletter", "exclusive_group": "", "priority": 100}) }}
    union all
    {{ judged_candidates({"name": "segment_export", "segments": [], "past_members": false, "key": "nullif(cast(people.profile_id as varchar), '')", "address": "", "address_type": "", "purpose": "analytics", "channel": "any", "needs_grant": false, "opt_in_countries": [], "share": 0, "salt": "", "exclusive_group": "", "priority": 100}) }}
),

ranked as (
    select
        *,
        row_number() over (partition by sync, verdict, contact order by profile_id) as contact_rank
    from judged
),

final as (
    select
        *,
        row_number() over (
            partition by exclusive_group, profile_id, verdict, contact_rank = 1
            order by priority, sync
        ) as sync_rank
    from ranked
)

select
    sync,
    profile_id,
    {{ candidate_verdict() }} as verdict
from final
