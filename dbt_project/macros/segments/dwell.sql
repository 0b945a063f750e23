{% macro state_columns() -%}
    {{ return([
        'stay_id', 'segment', 'profile_id', 'definition_version', 'pending_since', 'entered_at',
        'exiting_since',
        'recovered_at', 'left_at', 'dropped_at',
    ]) }}
{%- endmacro %}

{#- The states after the last evaluation, or none. -#}
{% macro existing_states() -%}
    {%- if is_incremental() %}
    select {{ state_columns() | join(', ') }} from {{ this }}
    {%- else %}
    {{ no_states() }}
    {%- endif %}
{%- endmacro %}

{#- The columns of a state, without a row. -#}
{% macro no_states() -%}
    select
        {%- for column in state_columns() %}
        cast(null as {{ 'varchar' if loop.index <= 4 else 'timestamp' }})
            as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    where false
{%- endmacro %}

{#- One step of the state machine for stays that were open: pending until enter_after has passed,
    then in until both predicates have been false for exit_after and min_stay has passed. A changed
    definition closes the stay. -#}
{% macro advanced_states(judged) -%}
    {%- set exiting = 'case when recovered_at is null then coalesce(exiting_since, as_of) '
        ~ 'else as_of end' %}
    select
        stay_id, segment, profile_id, definition_version, pending_since,
        case
            when entered_at is not null then entered_at
            when is_match and not is_superseded and pending_since + enter_after <= as_of then as_of
        end as entered_at,
        case when entered_at is null or is_superseded or is_staying then exiting_since
            else {{ exiting }} end
            as exiting_since,
        case
            when entered_at is null or is_superseded then recovered_at
            when is_staying then coalesce(recovered_at, case when exiting_since is not null
                then as_of end)
        end as recovered_at,
        case
            when entered_at is null then null
            when is_superseded then as_of
            when is_staying then null
            when {{ exiting }} + exit_after <= as_of and entered_at + min_stay <= as_of then as_of
        end as left_at,
        case when entered_at is null and (is_superseded or not is_match)
            then as_of end as dropped_at
    from {{ judged }}
{%- endmacro %}

{#- A match without a running stay begins one; a member under an older definition goes over to the
    new one. -#}
{% macro is_born() -%}
    (judged.stay_id is null and matches.is_match)
    or (judged.is_superseded and (matches.is_match or judged.entered_at is not null))
{%- endmacro %}

{% macro entry_of_the_born() -%}
    case
        when judged.entered_at is not null or clock.as_of + matches.enter_after <= clock.as_of
            then clock.as_of
    end
{%- endmacro %}

{#- Rows that differ from the existing ones, and existing ones that this as_of no longer
    produces. -#}
{% macro changed_states(wanted) -%}
select {{ wanted }}.*, false as is_void
from {{ wanted }}
left join existing on {{ wanted }}.stay_id = existing.stay_id
where
    {{ as_of() }} >= {{ newest_change('existing', state_columns()[4:]) }}
    and (
        existing.stay_id is null
        {%- for column in state_columns()[5:] %}
        or {{ wanted }}.{{ column }} is distinct from existing.{{ column }}
        {%- endfor %}
    )

union all

select existing.*, true as is_void
from existing
left join {{ wanted }} on existing.stay_id = {{ wanted }}.stay_id
where
    existing.pending_since = {{ as_of() }}
    and {{ wanted }}.stay_id is null
    and {{ as_of() }} >= {{ newest_change('existing', state_columns()[4:]) }}
{%- endmacro %}
