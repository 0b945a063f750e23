{#-
Rows of activation.suppressions in the product's words: a type or channel that nobody knows may be
any of them. Identifiers are in their normal form, or as they are where they have none; a profile_id
has the type profile_id.
-#}
{% macro named_suppressions(relation) -%}
    select
        types.identifier_type,
        named.channel,
        coalesce({{ normalize_identifier('types.identifier_type', 'named.identifier') }},
            named.identifier) as identifier
    from (
        select
            {{ identifier_type_word('identifier_type') }} as identifier_type,
            {{ known_word(consent_word('channel'), consent_channels()) }} as channel,
            trim(identifier) as identifier
        from {{ relation }}
        where identifier is not null
    ) as named
    inner join {{ consent_types() }}
        on
            named.identifier_type = types.identifier_type
            or named.identifier_type is null
            or named.identifier_type not in {{ consent_types('list') }}
    where coalesce(named.identifier_type, '') <> 'profile_id'
    union
    select 'profile_id', {{ known_word(consent_word('channel'), consent_channels()) }},
        trim(identifier)
    from {{ relation }}
    where {{ consent_word('identifier_type') }} = 'profile_id' and identifier is not null
{%- endmacro %}
