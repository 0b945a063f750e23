{#- Event-window behaviours, one line of SQL each. They are expressions over rows that have
    profile_id, happened_at and fact_id (which distinguishes rows with one timestamp). A window's
    end is included: "within 10 minutes" is true at 10:00. -#}

{#- This row matches and completes `times` matching rows within the span. -#}
{% macro completes_within(condition, times, span, by=['profile_id']) -%}
    coalesce(
        ({{ condition }})
        and lag(happened_at, {{ times - 1 }}) over (
            partition by {{ by | join(', ') }}, ({{ condition }}) order by happened_at, fact_id
        ) >= happened_at - interval '{{ span }}',
        false
    )
{%- endmacro %}

{#- Matching rows in the span that ends with this row. -#}
{% macro times_within(condition, span) -%}
    count(*) filter (where {{ condition }}) over (
        partition by profile_id order by happened_at
        range between interval '{{ span }}' preceding and current row
    )
{%- endmacro %}

{#- Time of the newest matching row up to this one, or NULL. -#}
{% macro time_of_last(condition) -%}
    max(case when {{ condition }} then happened_at end) over (
        partition by profile_id order by happened_at, fact_id rows unbounded preceding
    )
{%- endmacro %}

{#- Time of the next matching row at or after this row's time, this row left out, or NULL. -#}
{% macro time_of_next(condition) -%}
    min(case when {{ condition }} then happened_at end) over (
        partition by profile_id order by happened_at, fact_id rows between 1 following
            and unbounded following
    )
{%- endmacro %}

{#- A timestamp (or NULL) lies within the span after this row, or before it. -#}
{% macro is_soon_after(timestamp, span) -%}
    coalesce({{ timestamp }} <= happened_at + interval '{{ span }}', false)
{%- endmacro %}

{% macro is_shortly_before(timestamp, span) -%}
    coalesce({{ timestamp }} >= happened_at - interval '{{ span }}', false)
{%- endmacro %}

{#- A funnel of any length: each row with the number of steps that it completes in order, each step
    at most `gap` after the one before; 0 for a row that completes none. -#}
{% macro funnel(relation, steps, gap) -%}
    {%- set walked = namespace(relation=relation) -%}
    {%- for step in steps %}
    {%- set walked.relation = '(select *, '
        ~ ('(' ~ step ~ ')' if loop.first else '(' ~ step ~ ') and coalesce(max(case when step_'
            ~ (loop.index - 1)
            ~ ' then happened_at end) over (partition by profile_id order by happened_at, fact_id'
            ~ " rows between unbounded preceding and 1 preceding) >= happened_at - interval '" ~ gap
                ~ "', false)")
        ~ ' as step_' ~ loop.index ~ ' from ' ~ walked.relation ~ ' as before_' ~ loop.index ~ ')'
            -%}
    {%- endfor %}
    select
        profile_id,
        happened_at,
        fact_id,
        {{ steps | length }} as steps,
        case
            {%- for step in steps | reverse %}
            when step_{{ loop.revindex }} then {{ loop.revindex }}
            {%- endfor %}
            else 0
        end as step
    from {{ walked.relation }} as walked
{%- endmacro %}
