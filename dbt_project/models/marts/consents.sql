with

decisions as (
    select * from {{ ref('consent_decisions') }}
),

mapping as (
    select profile_id, identifier_type, identifier from {{ ref('identifier_mapping') }}
),

matches as (
    select identifier_type, identifier, meant from {{ ref('consent_matches') }}
),

unplaced as (
    select identifier_type, identifier, count(meant) > 0 as is_possible
    from matches
    group by identifier_type, identifier
)

select
    decisions.decision_id,
    mapping.profile_id,
    decisions.identifier_type,
    decisions.identifier,
    decisions.purpose,
    decisions.channel,
    decisions.status,
    decisions.jurisdiction,
    decisions.decided_at,
    decisions.source,
    decisions.record_id,
    decisions.proof,
    case
        when unplaced.is_possible and decisions.status <> 'granted' then 'possible'
        when mapping.profile_id is null or (unplaced.identifier is not null
            and decisions.status <> 'granted') then 'none'
        else 'exact'
    end as match
from decisions
left join mapping
    on decisions.identifier_type = mapping.identifier_type
        and decisions.identifier = mapping.identifier
left join unplaced
    on decisions.identifier_type = unplaced.identifier_type
        and decisions.identifier = unplaced.identifier
