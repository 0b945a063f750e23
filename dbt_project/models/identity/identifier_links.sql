with

claims as (
    select * from {{ ref('identifier_claims') }} where rule <> 'seen'
),

spellings as (
    select * from {{ ref('identifier_values') }} where identifier is not null
),

nodes as (
    select * from {{ ref('identifiers') }}
),

policy_links as (
    select * from {{ source('identity_policy', 'policy_links') }}
),

normalized as (
    select
        claims.rule,
        claims.left_type,
        lefts.identifier as left_identifier,
        claims.right_type,
        rights.identifier as right_identifier,
        min(claims.first_seen_at) as first_seen_at,
        max(claims.last_seen_at) as last_seen_at,
        min(struct_pack(at := claims.first_seen_at, source := claims.source, record_id := claims.record_id)) as evidence,
        cast(sum(claims.records) as bigint) as records
    from claims
    inner join spellings as lefts
        on claims.left_type = lefts.identifier_type and claims.left_value = lefts.value
        and claims.country is not distinct from lefts.country
    inner join spellings as rights
        on claims.right_type = rights.identifier_type and claims.right_value = rights.value
        and claims.country is not distinct from rights.country
    where claims.left_type <> claims.right_type or lefts.identifier <> rights.identifier
    group by all
)

select
    md5(concat_ws(chr(31), normalized.rule, left_type, left_identifier, right_type, right_identifier)) as link_id,
    left_type,
    left_identifier,
    right_type,
    right_identifier,
    normalized.rule,
    coalesce(policy_links.strength, 99) as strength,
    normalized.first_seen_at,
    normalized.last_seen_at,
    evidence.source as source,
    evidence.record_id as record_id,
    normalized.records,
    left_nodes.node as left_node,
    right_nodes.node as right_node
from normalized
inner join nodes as left_nodes
    on left_type = left_nodes.identifier_type and left_identifier = left_nodes.identifier
inner join nodes as right_nodes
    on right_type = right_nodes.identifier_type and right_identifier = right_nodes.identifier
left join policy_links on normalized.rule = policy_links.rule
