{#- The links between accepted identifiers that claims state. -#}
{% macro stated_links(claims, spellings) -%}
    select
        claims.rule,
        claims.left_type,
        lefts.identifier as left_identifier,
        claims.right_type,
        rights.identifier as right_identifier,
        claims.first_seen_at,
        claims.last_seen_at,
        claims.source,
        claims.record_id,
        claims.records
    from ({{ claims }}) as claims
    inner join ({{ spellings }}) as lefts
        on claims.left_type = lefts.identifier_type and claims.left_value = lefts.value
        and lefts.country is not distinct from case when claims.left_type = 'phone'
            then claims.country end
    inner join ({{ spellings }}) as rights
        on claims.right_type = rights.identifier_type and claims.right_value = rights.value
        and rights.country is not distinct from case when claims.right_type = 'phone'
            then claims.country end
    where
        claims.rule <> 'seen' and (claims.left_type <> claims.right_type
            or lefts.identifier <> rights.identifier)
        and lefts.identifier is not null and rights.identifier is not null
{%- endmacro %}

{#- Links of these statements, one of each, with the evidence of the first record. -#}
{% macro gathered_links(statements, nodes) -%}
with

statements as (
    {{ statements }}
),

nodes as (
    select * from {{ nodes }}
),

policy_links as (
    select * from {{ source('identity_policy', 'policy_links') }}
),

gathered as (
    select
        rule,
        left_type,
        left_identifier,
        right_type,
        right_identifier,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(struct_pack(at := first_seen_at, source := source, record_id := record_id)) as evidence,
        cast(sum(records) as bigint) as records
    from statements
    group by all
)

select
    md5(concat_ws(chr(31), gathered.rule, left_type, left_identifier, right_type, right_identifier))
        as link_id,
    left_type,
    left_identifier,
    right_type,
    right_identifier,
    gathered.rule,
    coalesce(policy_links.strength, 99) as strength,
    gathered.first_seen_at,
    gathered.last_seen_at,
    evidence.source as source,
    evidence.record_id as record_id,
    gathered.records,
    left_nodes.node as left_node,
    right_nodes.node as right_node
from gathered
inner join nodes as left_nodes
    on left_type = left_nodes.identifier_type and left_identifier = left_nodes.identifier
inner join nodes as right_nodes
    on right_type = right_nodes.identifier_type and right_identifier = right_nodes.identifier
left join policy_links on gathered.rule = policy_links.rule
{%- endmacro %}
