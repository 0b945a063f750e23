{#-
Rows of a relation with the profile they belong to: that of the first of the identifiers (type to expression over
`records`, the strongest first) that is known. A record of which no identifier is known has no profile.
-#}
{% macro with_profile(relation, identifiers, country='null') -%}
    select
        records.*,
        coalesce(
            {%- for type in identifiers %}
            by_{{ type }}.profile_id{{ ',' if not loop.last else ', null' }}
            {%- endfor %}
        ) as profile_id
    from {{ relation }} as records
    {%- for type, expression in identifiers.items() %}
    left join {{ ref('identifier_mapping') }} as by_{{ type }}
        on by_{{ type }}.identifier_type = '{{ type }}'
        and by_{{ type }}.identifier = {{ normalize_identifier("'" ~ type ~ "'", expression, country) }}
    {%- endfor %}
{%- endmacro %}
