{#- What features__context gives the usual value of: the most frequent one in the last 365 days. -#}
{% macro usual_attributes() -%}
    {{ return([
        'device_type', 'os_name', 'browser_name', 'country', 'region', 'city', 'timezone',
        'utm_source', 'utm_medium',
        'daypart', 'weekday',
    ]) }}
{%- endmacro %}

{#- The most frequent value of each attribute per (profile_id, as_of), one column each; of values
    that are equally frequent the one that sorts first. -#}
{% macro most_frequent(relation, attributes, id, days) -%}
    select
        profile_id,
        as_of,
        {% for attribute in attributes %}
        max(value) filter (where attribute = '{{ attribute }}')
            as {{ attribute }}{{ ',' if not loop.last }}
        {% endfor %}
    from (
        select
            profile_id,
            as_of,
            attribute,
            value,
            row_number() over (partition by profile_id, as_of, attribute order by times desc, value)
                as place
        from (
            {% for attribute in attributes %}
            select profile_id, as_of, '{{ attribute }}' as attribute, {{ attribute }} as value,
                count({{ id }}) as times
            from {{ relation }}
            where {{ attribute }} is not null and age_days < {{ days }}
            group by profile_id, as_of, {{ attribute }}
            {{ 'union all' if not loop.last }}
            {% endfor %}
        ) as counted
    ) as placed
    where place = 1
    group by profile_id, as_of
{%- endmacro %}

{#- Share of the sessions of the last 90 days for which the condition is true; NULL without
    sessions. -#}
{% macro share_of_sessions(condition) -%}
    {{ share(
        'count(session_id) filter (where age_days < 90 and (' ~ condition ~ '))',
        'count(session_id) filter (where age_days < 90)',
    ) }}
{%- endmacro %}
