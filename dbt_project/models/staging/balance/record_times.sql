with hours as (
    select * from {{ ref('record_hours') }}
),

sources as (
    {%- for name in landed_sources() %}
    select '{{ name }}' as source
    union
    {%- endfor %}
    -- Mapped sources, which land in the table of another.
    select source from hours
)

select
    sources.source,
    min(hours.oldest_at) as oldest_at,
    max(hours.newest_at) as newest_at,
    cast(coalesce(sum(hours.records), 0) as bigint) as records
from sources
left join hours on sources.source = hours.source
group by sources.source
