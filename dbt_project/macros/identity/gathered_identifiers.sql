{#- Identifiers of these spellings, numbered. -#}
{% macro gathered_identifiers(spellings) -%}
    select
        row_number() over (order by identifiers.identifier_type, identifiers.identifier) as node,
        identifiers.identifier_type,
        identifiers.identifier,
        coalesce(policy_types.priority, 99) as priority,
        identifiers.first_seen_at,
        identifiers.last_seen_at,
        identifiers.records,
        {{ identifier_suspicion('identifiers.identifier_type', 'identifiers.identifier') }}
            as suspicion
    from (
        select
            identifier_type, identifier, min(first_seen_at) as first_seen_at,
            max(last_seen_at) as last_seen_at,
            cast(sum(records) as bigint) as records
        from ({{ spellings }}) as spellings
        where identifier is not null
        group by all
    ) as identifiers
    left join {{ source('identity_policy', 'policy_types') }} as policy_types
        on identifiers.identifier_type = policy_types.identifier_type
{%- endmacro %}
