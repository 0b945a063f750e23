with sources as (
    {%- for name in landed_sources() %}
    select '{{ name }}' as source
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

hours as (
    select * from {{ ref('record_hours') }}
)

select
    sources.source,
    min(hours.oldest_at) as oldest_at,
    max(hours.newest_at) as newest_at,
    cast(coalesce(sum(hours.records), 0) as bigint) as records
from sources
left join hours on sources.source = hours.source
group by sources.source
