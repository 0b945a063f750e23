{#-
Rows of a relation with the profile they belong to: that of the first of the identifiers (type to
expression over `records`, the strongest first) that is known. A record of which no identifier is
known has no profile. A spelling is brought into its normal form once, however many records have it.
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
    {%- set place = country if type == 'phone' else 'null' %}
    left join (
        select spelled.value, spelled.country, mapping.profile_id
        from (
            select value, country, {{ normalize_identifier("'" ~ type ~ "'", 'value', 'country') }}
                as identifier
            from (
                select distinct {{ expression }} as value, cast({{ place }} as varchar) as country
                from {{ relation }} as records
                where {{ expression }} is not null
            ) as spellings
        ) as spelled
        inner join {{ ref('identifier_mapping') }} as mapping
            on mapping.identifier_type = '{{ type }}' and spelled.identifier = mapping.identifier
    ) as by_{{ type }}
        on by_{{ type }}.value = {{ expression }}
        {%- if place != 'null' %} and by_{{ type }}.country is not distinct
            from {{ place }}{% endif %}
    {%- endfor %}
{%- endmacro %}
