-- Generated from config/syncs/marketing_webhook.yml by `make generate`: change the configuration, not this file.
with

candidates as (
    select profile_id
    from {{ ref('candidates') }}
    where sync = 'marketing_webhook' and verdict = 'eligible'
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
        cast(profiles.profile_id as varchar) as profile_id,
        cast(profiles.email as varchar) as email,
        cast(segment_lists.segments as varchar) as segments
    from candidates
    inner join profiles on candidates.profile_id = profiles.profile_id
    left join segment_lists on candidates.profile_id = segment_lists.profile_id
)

select * from final
