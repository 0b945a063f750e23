{{ config(
    materialized='incremental', incremental_strategy='append', pre_hook="{{ delete_affected() }}"
) }}
with

chosen as (
    select * from {{ ref('trait_candidates') }}
),

corrected as (
    select * from {{ ref('corrected_traits') }}
),

stated as (
    select * from chosen
    union all by name
    select * from corrected
),

candidates as (
    select
        *,
        count(*) over (partition by profile_id, trait, value) as sources,
        sum(records) over (partition by profile_id, trait, value) as value_records,
        try_cast(value as double) as number
    from stated
),

ranked as (
    select
        *,
        row_number() over (
            partition by profile_id, trait
            order by
                case when strategy = 'corrected by operator' then 0 else 1 end,
                case when strategy = 'source_priority' then position end asc nulls last,
                case when strategy = 'verified_first' then sources end desc nulls last,
                case when strategy = 'most_recent' then observed_at end desc nulls last,
                case when strategy = 'first' then first_at end asc nulls last,
                case when strategy = 'most_frequent' then value_records end desc nulls last,
                case when strategy = 'longest' then length(value) end desc nulls last,
                case when strategy = 'shortest' then length(value) end asc nulls last,
                case when strategy = 'min' then number end asc nulls last,
                case when strategy = 'max' then number end desc nulls last,
                position, observed_at desc, value, source
        ) as place
    from candidates
),

summaries as (
    select
        profile_id,
        trait,
        cast({{ exact_sum('number') }} as varchar) as total,
        cast({{ exact_average('number') }} as varchar) as average,
        cast(count(distinct value) as varchar) as number_of_values,
        string_agg(distinct value, '; ' order by value) as listed,
        max(case when lower(value) in ('true', 'yes', '1') then 'true' else 'false' end)
            as any_true,
        min(case when lower(value) in ('true', 'yes', '1') then 'true' else 'false' end) as all_true
    from candidates
    where strategy in ('sum', 'average', 'count', 'list', 'any_true', 'all_true')
    group by all
)

select
    ranked.profile_id,
    ranked.trait,
    ranked.attribute_group,
    case ranked.strategy
        when 'sum' then summaries.total
        when 'average' then summaries.average
        when 'count' then summaries.number_of_values
        when 'list' then summaries.listed
        when 'any_true' then summaries.any_true
        when 'all_true' then summaries.all_true
        else ranked.value
    end as value,
    ranked.source,
    ranked.record_id,
    ranked.observed_at,
    ranked.strategy
from ranked
left join summaries on ranked.profile_id = summaries.profile_id and ranked.trait = summaries.trait
-- A correction may state that a person has no such value.
where ranked.place = 1 and ranked.value is not null
