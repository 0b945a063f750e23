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
    select * from {{ ref('suppressed_contacts') }}
),

suppressed_profiles as (
    select
        identifier as profile_id,
        channel
    from {{ ref('suppressed_contacts') }}
    where identifier_type = 'profile_id'
),

judged as (
    {%- for sync in [
        {"name": "klaviyo_list", "segments": [], "past_members": false, "key": "nullif(lower(trim(cast(people.email as varchar))), '')", "address": "email", "address_type": "email", "purpose": "marketing", "channel": "email", "needs_grant": true, "opt_in_countries": [], "share": 0.05, "salt": "newsletter", "exclusive_group": "", "priority": 100},
        {"name": "marketing_webhook", "segments": [], "past_members": false, "key": "nullif(cast(people.profile_id as varchar), '')", "address": "email", "address_type": "email", "purpose": "marketing", "channel": "email", "needs_grant": true, "opt_in_countries": [], "share": 0, "salt": "", "exclusive_group": "", "priority": 100},
        {"name": "newsletter_file", "segments": [], "past_members": false, "key": "nullif(lower(trim(cast(people.email as varchar))), '')", "address": "email", "address_type": "email", "purpose": "marketing", "channel": "email", "needs_grant": true, "opt_in_countries": [], "share": 0.05, "salt": "newsletter", "exclusive_group": "", "priority": 100},
        {"name": "segment_export", "segments": [], "past_members": false, "key": "nullif(cast(people.profile_id as varchar), '')", "address": "", "address_type": "", "purpose": "analytics", "channel": "any", "needs_grant": false, "opt_in_countries": [], "share": 0, "salt": "", "exclusive_group": "", "priority": 100}
    ] %}
    {{ judged_candidates(sync) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
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
