{{ config(materialized='incremental', unique_key='stay_id', incremental_strategy='delete+insert',
    full_refresh=false,
    post_hook='delete from {{ this }} where is_void or dropped_at < {{ as_of() }}') }}
{#- Evaluating an as_of again first undoes what it did before, so any number of evaluations at one
    as_of leave the same rows. An as_of older than the newest change is ignored: the past is never
    rewritten. -#}
with existing as (

    {{ existing_states() }}

),

clock as (

    select {{ as_of() }} as as_of

),

rules as (

    select * from {{ ref('segment_rules') }}

),

matched as (

    select * from {{ ref('segment_matches') }}

),

matches as (

    select matched.*, rules.definition_version, rules.enter_after
    from matched
    inner join rules on matched.segment = rules.segment

),

earlier as (

    select
        existing.stay_id, existing.segment, existing.profile_id, existing.definition_version,
        existing.pending_since,
        nullif(existing.entered_at, clock.as_of) as entered_at,
        nullif(existing.exiting_since, clock.as_of) as exiting_since,
        nullif(existing.recovered_at, clock.as_of) as recovered_at
    from existing
    cross join clock
    where
        existing.pending_since < clock.as_of
        and coalesce(existing.left_at >= clock.as_of, true)
        and coalesce(existing.dropped_at >= clock.as_of, true)

),

judged as (

    select
        earlier.*, rules.enter_after, rules.exit_after, rules.min_stay, clock.as_of,
        rules.definition_version is distinct from earlier.definition_version as is_superseded,
        coalesce(matches.is_match, false) as is_match,
        matches.segment is not null as is_staying
    from earlier
    cross join clock
    left join rules on earlier.segment = rules.segment
    left join matches on earlier.segment = matches.segment
        and earlier.profile_id = matches.profile_id

),

advanced as (

    {{ advanced_states('judged') }}

),

born as (

    select
        md5(concat_ws('|', matches.segment, matches.profile_id, matches.definition_version,
            clock.as_of)) as stay_id,
        matches.segment, matches.profile_id, matches.definition_version,
        clock.as_of as pending_since,
        {{ entry_of_the_born() }} as entered_at
    from matches
    cross join clock
    left join judged on matches.segment = judged.segment and matches.profile_id = judged.profile_id
    where {{ is_born() }}

),

wanted as (

    select * from advanced
    union all
    select *, null, null, null, null from born

)

{{ changed_states('wanted') }}
