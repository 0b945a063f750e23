with accepted as (
    {%- for name in landed_sources() %}
    select '{{ name }}' as source, min(occurred_at) as oldest_at, max(occurred_at) as newest_at, count(*) as records
    from {{ ref('base_' ~ name) }}
    where outcome = 'accepted'
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select source, oldest_at, newest_at, records
from accepted
