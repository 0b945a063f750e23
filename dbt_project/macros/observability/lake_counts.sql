{#- Counts of what identity and marts made of all accepted records: they belong to no batch. -#}
{% macro lake_counts() -%}
    select 'consents', null, 'refusals_unmatched', identifier_type, count(distinct identifier)
    from {{ ref('consent_matches') }}
    where meant is null
    group by identifier_type
    union all
    select source, null, 'amounts_unconverted', currency || ': ' || reason, sum(amounts)
    from {{ ref('unconverted_amounts') }}
    group by source, currency || ': ' || reason
    union all
    select source, null, 'identifiers_refused', identifier_type || ': ' || reason, sum(records)
    from {{ ref('refused_identifiers') }}
    group by source, identifier_type || ': ' || reason
    union all
    select 'events', null, 'crawler_events', case when is_excluded then 'excluded'
        else 'flagged' end, count(*)
    from {{ ref('event_profiles') }}
    where is_bot
    group by case when is_excluded then 'excluded' else 'flagged' end
    union all
    select 'events', null, 'crawler_people', 'excluded', count(*)
    from {{ ref('crawler_profiles') }}
{%- endmacro %}
