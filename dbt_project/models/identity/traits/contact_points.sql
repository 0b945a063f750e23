{{ config(materialized='transient', database='memory') }}
with

refused as (
    select * from {{ ref('refused_links') }}
),

policy_links as (
    select * from {{ source('identity_policy', 'policy_links') }}
),

golden_changes as (
    select profile_id, identifier_type, identifier from {{ ref('golden_changes') }}
),

identifier_mapping as (
    select profile_id, identifier_type, identifier from {{ ref('identifier_mapping') }}
),

mapping as (
    select * from {{ 'golden_changes' if is_golden_partial() else 'identifier_mapping' }}
),

ends as (
    select
        rule, reason, left_type as identifier_type, left_identifier as identifier,
        right_type as other_type, right_identifier as other_identifier
    from refused
    union all
    select rule, reason, right_type, right_identifier, left_type, left_identifier
    from refused
)

select distinct mapping.profile_id, ends.identifier_type, ends.identifier
from ends
inner join mapping
    on ends.other_type = mapping.identifier_type and ends.other_identifier = mapping.identifier
left join policy_links on ends.rule = policy_links.rule
where
    ends.identifier_type in ('email', 'phone')
    and (
        ends.reason = 'shared_' || ends.identifier_type
        -- Above the other limits of a type, only who owns the address has it.
        or (ends.reason = 'hub' and coalesce(policy_links.is_ownership, false))
    )
