"""The texts of the generated models that every configuration has."""

from __future__ import annotations

CANDIDATES_YML = """\
# Made at run time from config/syncs: change the configuration, not this file.
models:
  - name: candidates
    description: >
      Everybody a sync's segments name, with the verdict: eligible, or the first reason that keeps the person out.
      One row per (sync, profile_id).
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
                  [eligible, no_key, no_address, suppressed, refused, unknown_consent, held_out, duplicate, other_sync]
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
      Identifiers and profiles that no sync of the channel reaches, whatever consent says: those of
      activation.suppressions, the profiles they belong to, and profiles whose mail keeps bouncing.
      One row per (identifier_type, identifier, channel); a profile has the type profile_id.
    columns:
      - name: identifier_type
        description: Kind of the identifier, or profile_id.
        data_tests: [not_null]
      - name: identifier
        description: The identifier in the form that contact_key gives; a profile_id as it is.
        data_tests: [not_null]
      - name: channel
        description: email, sms, push, ads, or any for all of them.
"""

SUPPRESSED_SQL = """\
with

suppressions as (
    select
        identifier_type,
        coalesce({{ contact_key('channel') }}, 'any') as channel,
        {{ contact_key('identifier') }} as identifier
    from {{ source('activation', 'suppressions') }}
),

identifiers as (
    select
        identifier_type,
        profile_id,
        {{ contact_key('identifier') }} as identifier
    from {{ ref('identifier_mapping') }}
),

owners as (
    select
        'profile_id' as identifier_type,
        identifiers.profile_id as identifier,
        suppressions.channel
    from suppressions
    inner join identifiers
        on
            suppressions.identifier_type = identifiers.identifier_type
            and suppressions.identifier = identifiers.identifier
),

bounced as (
    select
        'profile_id' as identifier_type,
        profile_id as identifier,
        'email' as channel
    from {{ ref('messages') }}
    where event_type = 'bounce' and profile_id is not null and occurred_at < {{ as_of() }}
    group by profile_id
    having count(*) >= @bounces
)

select
    identifier_type,
    identifier,
    channel
from suppressions
where identifier is not null
union
select * from owners
union
select * from bounced
"""
