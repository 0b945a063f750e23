{#-
Made by `make generate` from segmentry/identifier_words.py, which code asks as well.
What identifiers may mean that match no known one exactly: known ones of their type that share a
loose key with them, a contact's number in every system, and those of any type whose normal form
their value has, for the type may be wrong.

unplaced, mapping: names of relations of (identifier_type, identifier).
Gives (identifier_type, identifier, meant_type, meant).
-#}
{% macro loose_matches(unplaced, mapping) -%}
    select
        asked.identifier_type, asked.identifier,
        candidates.identifier_type as meant_type, candidates.identifier as meant
    from (
        select identifier_type, identifier,
            unnest({{ loose_identifier_keys('identifier_type', 'identifier') }}) as loose_key
        from {{ unplaced }}
    ) as asked
    inner join (
        select identifier_type, identifier,
            unnest({{ loose_identifier_keys('identifier_type', 'identifier') }}) as loose_key
        from {{ mapping }}
        where identifier_type in (select identifier_type from {{ unplaced }})
    ) as candidates
        on asked.identifier_type = candidates.identifier_type
        and asked.loose_key = candidates.loose_key
    union
    -- Numbers of contacts without the system: a file of refusals seldom names the system of its
    -- contacts.
    select unplaced.identifier_type, unplaced.identifier,
        mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'crm_id' and unplaced.identifier_type = 'crm_id'
        and regexp_replace(mapping.identifier, '^[a-z][a-z0-9_]*:', '')
            = regexp_replace(unplaced.identifier, '^[a-z][a-z0-9_]*:', '')
    union
    select asked.identifier_type, asked.identifier, mapping.identifier_type, mapping.identifier
    from (
        select
            unplaced.identifier_type, unplaced.identifier, types.meant_type,
            {{ normalize_identifier("types.meant_type", "unplaced.identifier") }} as meant
        from {{ unplaced }} as unplaced
        cross join (values
            ('email'),
            ('phone'),
            ('user_id'),
            ('crm_id'),
            ('loyalty_id'),
            ('cookie'),
            ('device_id')
        ) as types (meant_type)
    ) as asked
    inner join {{ mapping }} as mapping
        on asked.meant_type = mapping.identifier_type and asked.meant = mapping.identifier
{%- endmacro %}
