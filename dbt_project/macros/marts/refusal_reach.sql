{#- Each refused identifier of a relation once, with the time from which its refusals count. -#}
{% macro reach_seeds(refusals) -%}
select distinct
    md5(concat_ws(chr(31), identifier_type, identifier, cast(since as varchar))) as seed_id,
    identifier_type,
    identifier,
    since
from {{ refusals }}
{%- endmacro %}

{#-
The profiles that refusals reach, one row per refusal and profile: `former` ones, which their
identifiers belong to no longer, and, as `possible`, those of the identifiers that they may mean.

refusals, possible: CTEs of refusals. seeds: of reach_seeds. reached: of reached_profiles. mapping:
of the known identifiers.
-#}
{% macro reach_rows(refusals, possible, seeds='seeds', reached='reached', mapping='mapping') -%}
select
    refusals.decision_id, refusals.identifier_type, refusals.identifier, former.profile_id,
    'former' as reached_by,
    refusals.purpose, refusals.channel, refusals.decided_at, former.left_at
from {{ refusals }} as refusals
inner join (
    select seeds.identifier_type, seeds.identifier, seeds.since, reached.profile_id, reached.left_at
    from {{ reached }} as reached
    inner join {{ seeds }} as seeds on reached.seed_id = seeds.seed_id
    anti join {{ mapping }} as mapping
        on
            seeds.identifier_type = mapping.identifier_type
            and seeds.identifier = mapping.identifier
            and reached.profile_id = mapping.profile_id
) as former
    on
        refusals.identifier_type = former.identifier_type
        and refusals.identifier = former.identifier
        and refusals.since = former.since
union all
select
    possible.decision_id, possible.identifier_type, possible.identifier, mapping.profile_id,
    'possible' as reached_by,
    possible.purpose, possible.channel, possible.decided_at, cast(null as timestamp) as left_at
from {{ possible }} as possible
left join {{ mapping }} as mapping
    on
        possible.identifier_type = mapping.identifier_type
        and possible.identifier = mapping.identifier
{%- endmacro %}
