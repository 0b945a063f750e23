with

claims as (
    select * from {{ ref('identifier_claims') }}
),

blocks as (
    select * from {{ source('identity_policy', 'policy_blocks') }}
),

spellings as (
    select
        claims.left_type as identifier_type,
        claims.left_value as value,
        claims.country,
        min(claims.first_seen_at) as first_seen_at,
        max(claims.last_seen_at) as last_seen_at,
        min(claims.source) as source,
        min(claims.record_id) as record_id,
        cast(sum(claims.records) as bigint) as records
    from claims
    where claims.rule = 'seen'
    group by all
),

normalized as (
    select
        spellings.*,
        {{ normalize_identifier('identifier_type', 'value', 'country') }} as identifier
    from spellings
),

blocked as (
    select
        normalized.identifier_type,
        normalized.value,
        min(blocks.reason) as reason
    from normalized
    inner join blocks
        on coalesce(blocks.identifier_type, normalized.identifier_type) = normalized.identifier_type
        and {{ regex_matches('lower(trim(normalized.value))', 'blocks.pattern') }}
    group by all
)

select
    normalized.identifier_type,
    normalized.value,
    normalized.country,
    case when blocked.reason is null and length(normalized.value) <= 320 then normalized.identifier end as identifier,
    case
        when trim(normalized.value) = '' then 'empty'
        when length(normalized.value) > 320 then 'too_long'
        when blocked.reason is not null then blocked.reason
        when normalized.identifier is null then 'not_a_valid_' || normalized.identifier_type
    end as refusal,
    normalized.first_seen_at,
    normalized.last_seen_at,
    normalized.source,
    normalized.record_id,
    normalized.records
from normalized
left join blocked
    on normalized.identifier_type = blocked.identifier_type and normalized.value = blocked.value
