{{ config(materialized='view') }}
with

decided as (
    select identifier_type, identifier, purpose, channel, is_refused, is_granted
    from {{ ref('consent_standings') }}
),

refused_people as (
    select profile_id, purpose, channel from {{ ref('profile_standings') }}
    where is_refused
),

mapping as (
    select identifier_type, identifier, profile_id from {{ ref('identifier_mapping') }}
),

traits as (
    select profile_id, email, phone from {{ ref('traits') }}
),

refused_links as (
    select * from {{ ref('refused_links') }}
),

policy_links as (
    select * from {{ source('identity_policy', 'policy_links') }}
),

-- An audience may still have an address under a profile that it has left: who has it now refused.
owned as (
    select mapping.identifier_type, mapping.identifier, people.purpose, people.channel
    from mapping
    inner join refused_people as people on mapping.profile_id = people.profile_id
),

shared as (
    {{ stated_addresses('refused_links', 'policy_links', 'mapping') }}
),

-- Several people may state one address, which belongs to none of them: a message to another of them
-- would reach the one who refused.
stated as (
    select * from shared
    union all
    select profile_id, 'email' as identifier_type, email as identifier from traits
    where email is not null
    union all
    select profile_id, 'phone' as identifier_type, phone as identifier from traits
    where phone is not null
),

of_refused as (
    select stated.identifier_type, stated.identifier, people.purpose, people.channel
    from stated
    inner join refused_people as people on stated.profile_id = people.profile_id
),

standings as (
    select * from decided
    union all
    select *, true as is_refused, false as is_granted from owned
    union all
    select *, true as is_refused, false as is_granted from of_refused
)

select
    identifier_type,
    identifier,
    purpose,
    channel,
    bool_or(is_refused) as is_refused,
    bool_or(is_granted) and not bool_or(is_refused) as is_granted
from standings
group by identifier_type, identifier, purpose, channel
