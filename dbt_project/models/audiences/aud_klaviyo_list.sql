-- Generated from config/syncs/klaviyo_list.yml by `make generate`: change the configuration, not this file.
with

candidates as (
    select profile_id
    from {{ ref('candidates') }}
    where sync = 'klaviyo_list' and verdict = 'eligible'
),

profiles as (
    select * from {{ ref('profiles') }}
),

memberships as (
    select * from {{ ref('segment_memberships') }}
),

segment_lists as (
    select
        profile_id,
        {{ joined_text('segment') }} as segments
    from memberships
    group by profile_id
),

final as (
    select
        cast(profiles.profile_id as varchar) as row_key,
        cast(profiles.email as varchar) as email,
        cast(profiles.first_name as varchar) as first_name,
        cast(segment_lists.segments as varchar) as segments
    from candidates
    inner join profiles on candidates.profile_id = profiles.profile_id
    left join segment_lists on candidates.profile_id = segment_lists.profile_id
)

select * from final
