with

{% for name in landed_sources() %}
base_{{ name }} as (
    select * from {{ ref('base_' ~ name) }}
    where outcome = 'accepted' and occurred_at is not null
),

{% endfor -%}
accepted as (
    {%- for name in landed_sources() %}
    select
        _source as source,
        {{ full_hour('occurred_at') }} as hour_at,
        count(*) as records,
        {{ people_mask(record_person(name)) }} as people_mask,
        min(occurred_at) as oldest_at,
        max(occurred_at) as newest_at
    from base_{{ name }}
    group by _source, {{ full_hour('occurred_at') }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select * from accepted
