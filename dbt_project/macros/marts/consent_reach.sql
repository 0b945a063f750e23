{#-
Identifiers of the states of a record that a newer state has replaced, with the time each state was
the newest. Identity reads only the newest state, so a corrected address belongs to no profile
there; a refusal on it still counts for the person.

relation: judged records. key: what names the record. changed_at: time of a state. identifiers: type
to column.
-#}
{% macro superseded_identifiers(source, relation, key, changed_at, identifiers, country='null') -%}
{%- set all = identifiers.values() | join(', ') -%}
    select
        unnest([
            {%- for type in identifiers %}
            '{{ type }}'{{ ',' if not loop.last }}
            {%- endfor %}
        ]) as identifier_type,
        unnest([
            {%- for type, column in identifiers.items() %}
            {{ normalize_identifier("'" ~ type ~ "'", column, country) }}{{ ',' if not loop.last }}
            {%- endfor %}
        ]) as identifier,
        '{{ source }}:' || record_id as home,
        began_at,
        ended_at
    from (
        select
            *,
            {{ changed_at }} as began_at,
            lead({{ changed_at }}) over (partition by {{ key }} order by {{ changed_at }})
                as ended_at,
            concat_ws(chr(31), {{ all }}) as stated,
            last_value(concat_ws(chr(31), {{ all }})) over (
                partition by {{ key }} order by {{ changed_at }}
                rows between unbounded preceding and unbounded following
            ) as last_stated
        from {{ relation }}
        where outcome = 'accepted' and {{ changed_at }} < {{ as_of() }}
    ) as states
    where ended_at is not null and stated <> last_stated
{%- endmacro %}

{#-
Profiles that a refusal reaches beyond the one that its identifier belongs to now: every profile
that the identifier belonged to at the refusal's time or since, and the current profiles of
identifiers that shared those. Each of these passes the refusal on in the same way, from then on: no
correction, merge or split ends a refusal.

seeds: a relation of (seed_id, identifier_type, identifier, since). Returns (seed_id, profile_id,
left_at): until left_at, what the seed's identifier stated was stated by that person; NULL where
they never parted.
-#}
{% macro reached_profiles(seeds) -%}
with recursive homes as (
    select * from {{ ref('identifier_homes') }}
),

reached (seed_id, identifier_type, identifier, since, left_at) as (
    select seed_id, identifier_type, identifier, since, cast(null as timestamp)
    from {{ seeds }}
    union
    select
        reached.seed_id,
        theirs.identifier_type,
        theirs.identifier,
        greatest(least(reached.since, own.latest_at), own.began_at, theirs.began_at),
        least(reached.left_at, own.ended_at, theirs.ended_at)
    from reached
    inner join homes as own
        on reached.identifier_type = own.identifier_type and reached.identifier = own.identifier
        and reached.since <= own.counts_until
    inner join homes as theirs
        on own.home = theirs.home
        and (own.identifier_type <> theirs.identifier_type or own.identifier <> theirs.identifier)
        -- Those who still share a profile are found there.
        and not (own.is_current and theirs.is_current)
        and least(reached.since, own.latest_at) <= theirs.latest_at
        and theirs.began_at <= own.latest_at
        and own.began_at <= theirs.latest_at
),

profiles as (
    select reached.seed_id, mapping.profile_id, reached.left_at
    from reached
    inner join {{ ref('identifier_mapping') }} as mapping
        on reached.identifier_type = mapping.identifier_type
            and reached.identifier = mapping.identifier
    union all
    -- The profile itself, with its current members.
    select reached.seed_id, resolution.current_profile_id, least(reached.left_at, homes.ended_at)
    from reached
    inner join homes
        on reached.identifier_type = homes.identifier_type and reached.identifier = homes.identifier
        and reached.since <= homes.counts_until
    inner join {{ ref('profile_resolution') }} as resolution on homes.home = resolution.profile_id
)

select seed_id, profile_id, min(left_at) as left_at
from profiles
group by seed_id, profile_id
{%- endmacro %}
