{{ config(materialized='incremental', unique_key='stay_id', incremental_strategy='delete+insert',
    full_refresh=false,
    post_hook='delete from {{ this }} where is_void') }}
{#- Follows the rule of dwell_states: an as_of evaluated again is undone first, one older than the
    newest change is ignored. -#}
with members as (

    select * from {{ ref('effective_members') }}

),

clock as (

    select {{ as_of() }} as as_of

),

existing as (

    {% if is_incremental() %}
    select stay_id, segment, profile_id, entered_at, left_at, definition_version from {{ this }}
    {% else %}
    select
        cast(null as varchar) as stay_id, cast(null as varchar) as segment,
        cast(null as varchar) as profile_id,
        cast(null as timestamp) as entered_at, cast(null as timestamp) as left_at,
        cast(null as varchar) as definition_version
    where false
    {% endif %}

),

running as (

    select existing.*
    from existing
    cross join clock
    where existing.entered_at < clock.as_of and coalesce(existing.left_at >= clock.as_of, true)

),

compared as (

    select
        coalesce(running.segment, members.segment) as segment,
        coalesce(running.profile_id, members.profile_id) as profile_id,
        coalesce(running.entered_at, clock.as_of) as entered_at,
        case when members.segment is null then clock.as_of end as left_at,
        coalesce(running.definition_version, members.definition_version) as definition_version
    from running
    full join members
        on running.segment = members.segment
        and running.profile_id = members.profile_id
        and running.definition_version = members.definition_version
    cross join clock

),

wanted as (

    select
        md5(concat_ws('|', segment, profile_id, definition_version, entered_at)) as stay_id,
        compared.*
    from compared

),

changed as (

    select wanted.*, false as is_void
    from wanted
    left join existing on wanted.stay_id = existing.stay_id
    where existing.stay_id is null or wanted.left_at is distinct from existing.left_at

    union all

    select existing.*, true as is_void
    from existing
    cross join clock
    left join wanted on existing.stay_id = wanted.stay_id
    where existing.entered_at = clock.as_of and wanted.stay_id is null

)

select changed.*
from changed
where {{ as_of() }} >= {{ newest_change('existing', ['entered_at', 'left_at']) }}
