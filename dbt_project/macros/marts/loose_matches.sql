{#-
What identifiers may mean that nobody known has exactly: known ones of their type that share a loose key with them, and those
of any type whose normal form their value has, for the type may be wrong.

unplaced, mapping: names of relations of (identifier_type, identifier). Gives (identifier_type, identifier, meant_type, meant).
-#}
{% macro loose_matches(unplaced, mapping) -%}
    select asked.identifier_type, asked.identifier, candidates.identifier_type as meant_type, candidates.identifier as meant
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
    -- A contact's number without the system that it is from: a refusal counts for that contact in every system.
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = 'crm_id' and unplaced.identifier_type = 'crm_id'
        and {{ bare_key('mapping.identifier') }} = {{ bare_key('unplaced.identifier') }}
    {%- for type in consent_types('names') %}
    union
    select unplaced.identifier_type, unplaced.identifier, mapping.identifier_type, mapping.identifier
    from {{ unplaced }} as unplaced
    inner join {{ mapping }} as mapping
        on mapping.identifier_type = '{{ type }}'
        and mapping.identifier = {{ normalize_identifier("'" ~ type ~ "'", 'unplaced.identifier') }}
    {%- endfor %}
{%- endmacro %}
