{#- The word, or 'any' where it is none of those: a refusal of what is not understood is a refusal
    of all. -#}
{% macro known_word(word, words) -%}
    case when {{ word }} in ('{{ words | join("', '") }}') then {{ word }} else 'any' end
{%- endmacro %}

{#- When a refusal in a quarantined record was made: at its time where that can be, else when it
    landed at the latest. -#}
{% macro time_of_refusal(records) -%}
    case
        when {{ records }}.occurred_at between timestamp '1990-01-01'
            and {{ records }}._loaded_at + interval 1 day
            then {{ records }}.occurred_at
        else {{ records }}._loaded_at
    end
{%- endmacro %}


{#- Every use that is asked about: a purpose by a channel, 'any' where nobody is reached by one. -#}
{% macro consent_uses() -%}
    (
        select purposes.purpose, channels.channel
        from (values ('{{ consent_purposes() | join("'), ('") }}')) as purposes (purpose)
        cross join (values ('{{ consent_channels() | join("'), ('") }}')) as channels (channel)
    )
{%- endmacro %}

{#- Whether a decision touches a use. A grant does where it names it, a refusal where it may mean
    it. -#}
{% macro touches_use(decisions, uses, is_grant) -%}
    (
        {{ decisions }}.purpose = {{ uses }}.purpose
        or (coalesce({{ decisions }}.purpose, 'any') in ('any', 'all') and not {{ is_grant }})
    )
    and (
        coalesce({{ decisions }}.channel, 'any') in ({{ uses }}.channel, 'any')
        or ({{ uses }}.channel = 'any' and not {{ is_grant }})
    )
{%- endmacro %}

{#-
Whether a refusal is in force, of the newest decisions that touch a use: a refusal is lifted only by
a later grant that is at least as specific, and of two at the same instant the refusal wins. here:
for this very channel; widely: for others too.
-#}
{% macro is_in_force(refused_here_at, refused_widely_at, granted_here_at, granted_at) -%}
    coalesce({{ refused_here_at }} >= coalesce({{ granted_here_at }}, timestamp '0001-01-01'),
        false)
    or coalesce({{ refused_widely_at }} >= coalesce({{ granted_at }}, timestamp '0001-01-01'),
        false)
{%- endmacro %}

{#- What refusals reach in that way: those of the last run, and those recorded since. -#}
{% macro all_reached(by) -%}
select * from {{ ref('consent_reach') }}
where reached_by = '{{ by }}'
union all
select * from {{ ref('waiting_reach') }}
where reached_by = '{{ by }}'
{%- endmacro %}

{#- Decisions spread over the uses they touch: a grant over those that it names, a refusal over all
    that it may mean. -#}
{% macro applying_decisions() -%}
with

decisions as (
    select
        identifier_type, identifier, profile_id, lower(trim(purpose)) as purpose,
        lower(trim(channel)) as channel,
        coalesce(lower(trim(status)) = 'granted', false) as is_grant,
        -- A refusal without a time is in force without end; a grant without one does not count.
        coalesce(decided_at, timestamp '9999-12-31') as decided_at
    from {{ ref('consents') }}
    where identifier is not null
    union all
    select identifier_type, identifier, profile_id, purpose, channel, false,
        coalesce(decided_at, timestamp '9999-12-31')
    from (
        {{ all_reached('possible') }}
    ) as reach
)

select
    decisions.identifier_type,
    decisions.identifier,
    decisions.profile_id,
    uses.purpose,
    uses.channel,
    decisions.is_grant,
    coalesce(decisions.channel, 'any') = uses.channel as is_specific,
    decisions.decided_at
from decisions
inner join {{ consent_uses() }} as uses on {{ touches_use('decisions', 'uses',
    'decisions.is_grant') }}
-- A refusal counts as soon as it is known; a grant only from its time on.
where not decisions.is_grant or decisions.decided_at < {{ as_of() }}
{%- endmacro %}
