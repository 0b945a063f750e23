with

spellings as (
    select * from {{ ref('identifier_values') }} where identifier is not null
),

policy_types as (
    select * from {{ source('identity_policy', 'policy_types') }}
),

identifiers as (
    select
        identifier_type,
        identifier,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        cast(sum(records) as bigint) as records
    from spellings
    group by all
)

select
    row_number() over (order by identifiers.identifier_type, identifiers.identifier) as node,
    identifiers.identifier_type,
    identifiers.identifier,
    coalesce(policy_types.priority, 99) as priority,
    identifiers.first_seen_at,
    identifiers.last_seen_at,
    identifiers.records
from identifiers
left join policy_types on identifiers.identifier_type = policy_types.identifier_type
