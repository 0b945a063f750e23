{#- Each spelling in the claims with the form it is compared in, or the reason it is refused. -#}
{% macro judged_spellings(claims) -%}
with

claims as (
    {{ claims }}
),

spellings as (
    select
        claims.left_type as identifier_type,
        claims.left_value as value,
        claims.country,
        min(claims.first_seen_at) as first_seen_at,
        max(claims.last_seen_at) as last_seen_at,
        min(struct_pack(at := claims.first_seen_at, source := claims.source,
            record_id := claims.record_id))
            filter (where claims.records > 0) as evidence,
        cast(sum(claims.records) as bigint) as records
    from claims
    where claims.rule = 'seen'
    group by all
),

normalized as (
    select
        spellings.*,
        {{ normalize_identifier('identifier_type', 'value', 'country') }} as identifier,
        {{ identifier_fault('identifier_type', 'value', 'country') }} as fault
    from spellings
),

blocked as (
    -- A pattern is matched against the value as written, and against its normal form if that
    -- differs.
    select
        normalized.*,
        coalesce(
            {{ blocked_reason('identifier_type', 'lower(trim(value))') }},
            case
                when identifier <> lower(trim(value))
                    then {{ blocked_reason('identifier_type', 'lower(identifier)') }}
            end
        ) as block
    from normalized
)

select
    blocked.identifier_type,
    blocked.value,
    blocked.country,
    case when blocked.block is null then blocked.identifier end as identifier,
    coalesce(case when blocked.fault = 'empty' then blocked.fault end, blocked.block, blocked.fault)
        as refusal,
    blocked.first_seen_at,
    blocked.last_seen_at,
    blocked.evidence.source as source,
    blocked.evidence.record_id as record_id,
    blocked.records
from blocked
{%- endmacro %}

{#- Blocked patterns of the policy: [type or none, pattern, reason]. They are written into the SQL,
    for a pattern that comes out of a column is compiled again for every row. -#}
{% macro blocked_patterns() -%}
    {%- set blocks = source('identity_policy', 'policy_blocks') -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') -%}
        {{ return([]) }}
    {%- endif -%}
    {{ return(run_query("select identifier_type, pattern, reason from " ~ blocks
        ~ " order by all").rows) }}
{%- endmacro %}

{#- The reason (the first by name) for which a value is blocked, or NULL. -#}
{% macro blocked_reason(type, value) -%}
    least(
        cast(null as varchar), null
        {%- for block in blocked_patterns() %},
        case
            when {% if block[0] %}{{ type }} = '{{ block[0] }}' and {% endif %}
                {{- regex_matches(value, "'" ~ (block[1] | replace("'", "''")) ~ "'") }}
                    then '{{ block[2] | replace("'", "''") }}'
        end
        {%- endfor %}
    )
{%- endmacro %}
