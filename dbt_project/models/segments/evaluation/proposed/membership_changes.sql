{#- How many profiles each rule would begin and cease to be true for, against the memberships that
    are published. The dwell rules, priority and size come later: they delay and choose, and so
    change no more than this. -#}
{%- set states = kept('dwell_states') -%}
{%- set rules = kept('segment_rules') -%}
with proposed as (

    select segment, definition_version, max_changed_share from {{ ref('proposed_rules') }}

),

matches as (

    select * from {{ ref('segment_matches') }}

),

published as (

    {%- if rules is not none and states is not none %}
    select segment, definition_version from {{ rules }}
    {%- else %}
    select segment, definition_version from proposed where false
    {%- endif %}

),

existing as (

    {%- if states is not none %}
    select {{ state_columns() | join(', ') }} from {{ states }}
    {%- else %}
    {{ no_states() }}
    {%- endif %}

),

before as (

    select
        segment,
        profile_id,
        entered_at is not null as is_member
    from existing
    where
        left_at is null
        and dropped_at is null
        and (exiting_since is null or recovered_at is not null)

),

compared as (

    select
        coalesce(before.segment, matches.segment) as segment,
        before.profile_id is not null as is_before,
        coalesce(matches.is_match or before.is_member, false)
            and matches.profile_id is not null as is_after
    from before
    full outer join matches
        on before.segment = matches.segment and before.profile_id = matches.profile_id

),

counted as (

    select
        segment,
        count_if(is_before) as members,
        count_if(is_after and not is_before) as entries,
        count_if(is_before and not is_after) as exits
    from compared
    group by segment

)

select
    proposed.segment,
    coalesce(counted.members, 0) as members,
    coalesce(counted.entries, 0) as entries,
    coalesce(counted.exits, 0) as exits,
    proposed.max_changed_share,
    coalesce(proposed.definition_version = published.definition_version, false) as is_compared,
    {{ newest_change('existing', state_columns()[4:]) }} as changed_last_at,
    {{ as_of() }} as as_of
from proposed
left join published on proposed.segment = published.segment
left join counted on proposed.segment = counted.segment
