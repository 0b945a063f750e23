{#-
Made by `make generate` from segmentry/identifier_words.py, which code asks as well.
What identifiers may mean that nobody known has exactly: known ones of their type that share a loose key with them, a
contact's number in every system, and those of any type whose normal form their value has, for the type may be wrong.

unplaced, mapping: names of relations of (identifier_type, identifier).
Gives (identifier_type, identifier, meant_type, meant).
-#}
{% macro loose_matches(unplaced, mapping) -%}
    select
        asked.identifier_type, asked.identifier,
        candidates.identifier_type as meant_type, candidates.identifier as meant
    from (
        select identifier_type, identifier, unnest({{ loose_identifier_keys('identifier_type', 'identifier') }}) as loose_key
        from {{ unplaced }}
    ) as asked
    inner join (
        select identifier_type, identifier, unnest({{ loose_identifier_keys('identifier_type', 'identifier') }}) as loose_key
        from {{ mapping }}
        where identifier_type in (select identifier_type from {{ unplaced }})
    ) as candidates
        on asked.identifier_type = candidates.identifier_type and asked.loose_key = candidates.loose_key
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'crm_id' and unplaced.identifier_type = 'crm_id'
        and regexp_replace(mapping.identifier, '^[a-z][a-z0-9_]*:', '')
            = regexp_replace(unplaced.identifier, '^[a-z][a-z0-9_]*:', '')
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'email'
        and mapping.identifier = {{ normalize_identifier("'email'", "unplaced.identifier") }}
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'phone'
        and mapping.identifier = {{ normalize_identifier("'phone'", "unplaced.identifier") }}
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'user_id'
        and mapping.identifier = {{ normalize_identifier("'user_id'", "unplaced.identifier") }}
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'crm_id'
        and mapping.identifier = {{ normalize_identifier("'crm_id'", "unplaced.identifier") }}
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'loyalty_id'
        and mapping.identifier = {{ normalize_identifier("'loyalty_id'", "unplaced.identifier") }}
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'cookie'
        and mapping.identifier = {{ normalize_identifier("'cookie'", "unplaced.identifier") }}
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'device_id'
        and mapping.identifier = {{ normalize_identifier("'device_id'", "unplaced.identifier") }}
{%- endmacro %}
