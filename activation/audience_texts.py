"""The texts of the generated models that every configuration has."""

from __future__ import annotations

CANDIDATES_YML = """\
# Made at run time from config/syncs: change the configuration, not this file.
models:
  - name: candidates
    description: >
      Every profile that a sync's segments name, with the verdict: eligible, or the first reason
      that keeps the person out. One row per (sync, profile_id).
    columns:
      - name: sync
        description: Name of the sync.
        data_tests: [not_null]
      - name: profile_id
        description: The person.
        data_tests: [not_null]
      - name: verdict
        description: What was decided.
        data_tests:
          - not_null
          - accepted_values:
              arguments:
                values:
                  [eligible, no_key, no_address, suppressed, refused, unknown_consent, held_out,
                   duplicate, other_sync]
"""

NO_CANDIDATES = """\
select
    cast(null as varchar) as sync,
    cast(null as varchar) as profile_id,
    cast(null as varchar) as verdict
where false
"""

CANDIDATES_SQL = """\
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
    select * from {{ ref('profile_standings') }}
),

addresses as (
    select * from {{ ref('address_standings') }}
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
        @judged
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
"""

SUPPRESSED_YML = """\
# Made at run time from config/policies.yml: change the configuration, not this file.
models:
  - name: suppressed_contacts
    description: >
      Identifiers and profiles that no sync of the channel reaches, with or without consent: those
      of activation.suppressions, all that one without an exact match may mean,
      the profiles they belong to, and profiles whose mail keeps bouncing.
      One row per (identifier_type, identifier, channel); a profile has the type profile_id.
    columns:
      - name: identifier_type
        description: Kind of the identifier, or profile_id.
        data_tests: [not_null]
      - name: identifier
        description: The identifier in its normal form; a profile_id as it is.
        data_tests: [not_null]
      - name: channel
        description: email, sms, push, ads, or any for all of them.
"""

SUPPRESSED_SQL = """\
with

mapping as (
    select * from {{ ref('identifier_mapping') }}
),

named as (
    {{ named_suppressions(source('activation', 'suppressions')) }}
),

unplaced as (
    select distinct named.identifier_type, named.identifier
    from named
    left join mapping on named.identifier_type = mapping.identifier_type
        and named.identifier = mapping.identifier
    where
        named.identifier_type <> 'profile_id'
        and (
            mapping.identifier is null
            or named.identifier in (select identifier from {{ ref('consent_matches') }})
        )
),

alike as (
    {{ loose_matches('unplaced', 'mapping') }}
),

suppressions as (
    select identifier_type, channel, identifier from named
    union
    select alike.meant_type, named.channel, alike.meant
    from named
    inner join alike on named.identifier_type = alike.identifier_type
        and named.identifier = alike.identifier
),

suppressed_profiles as (
    select coalesce(resolution.current_profile_id, suppressions.identifier) as profile_id,
        suppressions.channel
    from suppressions
    left join {{ ref('profile_resolution') }} as resolution
        on suppressions.identifier = resolution.profile_id
    where suppressions.identifier_type = 'profile_id'
),

seeds as (
    -- A suppression applies to every profile that has ever had the identifier, and to the profiles
    -- that shared one with it.
    select distinct
        md5(concat_ws(chr(31), identifier_type, identifier)) as seed_id,
        identifier_type,
        identifier,
        timestamp '0001-01-01' as since
    from (
        select identifier_type, identifier from suppressions
        union all
        select homes.identifier_type, homes.identifier
        from {{ ref('identifier_homes') }} as homes
        inner join suppressions
            on homes.home = suppressions.identifier and suppressions.identifier_type = 'profile_id'
    ) as named
),

reached as (
    {{ reached_profiles('seeds') }}
),

owners as (
    select reached.profile_id, suppressions.channel
    from suppressions
    inner join seeds
        on suppressions.identifier_type = seeds.identifier_type
            and suppressions.identifier = seeds.identifier
    inner join reached on seeds.seed_id = reached.seed_id
    union
    select reached.profile_id, suppressions.channel
    from suppressions
    inner join {{ ref('identifier_homes') }} as homes
        on suppressions.identifier_type = 'profile_id' and suppressions.identifier = homes.home
    inner join seeds
        on homes.identifier_type = seeds.identifier_type and homes.identifier = seeds.identifier
    inner join reached on seeds.seed_id = reached.seed_id
    union
    select profile_id, channel from suppressed_profiles
),

bounced as (
    select profile_id, 'email' as channel
    from {{ ref('messages') }}
    where event_type = 'bounce' and profile_id is not null and occurred_at < {{ as_of() }}
    group by profile_id
    having count(*) >= @bounces
)

select identifier_type, identifier, channel
from suppressions
union
select 'profile_id' as identifier_type, profile_id as identifier, channel from owners
union
select 'profile_id' as identifier_type, profile_id as identifier, channel from bounced
"""
