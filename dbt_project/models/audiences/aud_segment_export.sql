-- Generated from config/syncs/segment_export.yml by `make generate`: change the configuration, not this file.
with

candidates as (
    select profile_id
    from {{ ref('candidates') }}
    where sync = 'segment_export' and verdict = 'eligible'
),

profiles as (
    select * from {{ ref('profiles') }}
),

memberships as (
    select * from {{ ref('segment_memberships') }}
),

final as (
    select
        cast(profiles.profile_id || ':' || rows_sent.segment as varchar) as row_key,
        cast(profiles.profile_id as varchar) as profile_id,
        cast(rows_sent.segment as varchar) as segment,
        cast(rows_sent.entered_at as timestamp) as entered_at
    from candidates
    inner join profiles on candidates.profile_id = profiles.profile_id
    inner join memberships as rows_sent on candidates.profile_id = rows_sent.profile_id
)

select * from final
