{{ config(materialized='transient', database='memory') }}
{% if not has_cuts() -%}
select cast(null as varchar) as profile_id, cast(null as bigint) as group_node
where false
{%- else -%}
with

given as (
    {{ given_profile_ids() }}
),

members as (
    select * from {{ groups_in_question() }} as groups
),

cuts as (
    select * from {{ source('identity_policy', 'policy_cuts') }}
),

history as (
    {{ mapping_history() }}
),

before as (
    select members.*, previous.profile_id as was
    from ({{ previous_mapping() }}) as previous
    inner join members
        on previous.identifier_type = members.identifier_type
            and previous.identifier = members.identifier
),

undone as (
    select distinct lefts.was
    from cuts
    inner join before as lefts on cuts.left_type = lefts.identifier_type
        and cuts.left_identifier = lefts.identifier
    inner join before as rights
        on cuts.right_type = rights.identifier_type and cuts.right_identifier = rights.identifier
    where lefts.was = rights.was and lefts.group_node <> rights.group_node
),

merged as (
    -- Ids that led to one profile follow one holder.
    select given.*, survivors.profile_id as was
    from undone
    inner join given as survivors on undone.was = survivors.profile_id
    inner join given
        on survivors.holder_type = given.holder_type
            and survivors.holder_identifier = given.holder_identifier
),

owned as (
    select
        merged.profile_id,
        merged.was,
        before.group_node,
        merged.holder_type = before.identifier_type
            and merged.holder_identifier = before.identifier as is_holder,
        merged.born_type = before.identifier_type and merged.born_identifier = before.identifier
            as is_born,
        history.valid_from as had_at,
        before.priority,
        before.first_seen_at,
        before.identifier
    from merged
    inner join before on merged.was = before.was
    left join history
        on before.identifier_type = history.identifier_type
            and before.identifier = history.identifier
        and merged.profile_id = history.profile_id
),

homes as (
    -- An id goes back to the first of those that had it: the one it was made for, or else who had
    -- it longest.
    select
        profile_id,
        was,
        min(group_node) filter (where is_holder) as holder_group,
        min(struct_pack(
            is_later := not is_born, had_at := had_at, rank := priority, at := first_seen_at,
            identifier := identifier,
            group_node := group_node
        )) filter (where is_born or had_at is not null) as first_owner
    from owned
    group by profile_id, was
)

select profile_id, first_owner.group_node as group_node
from homes
where
    -- The survivor stays with the strongest identifier where it is the only id that this part has.
    profile_id <> was
    or holder_group in (select others.first_owner.group_node from homes as others
        where others.profile_id <> others.was)
{%- endif %}
