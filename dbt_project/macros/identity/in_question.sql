{#- Links that this run decides on: all, or those within the region that has changed. -#}
{% macro links_in_question() -%}
    {%- set inside = "(select * exclude (is_inside) from " ~ ref('region_links')
        ~ " where is_inside)" -%}
    {{ partial_or_full(inside, ref('identifier_links')) }}
{%- endmacro %}

{#- Groups that this run decides on. -#}
{% macro groups_in_question() -%}
    {{ partial_or_full(ref('group_changes'), ref('identifier_groups')) }}
{%- endmacro %}

{#- Names of the identifiers of these groups, and of those that are no more. -#}
{% macro names_in_question() -%}
    select identifier_type, identifier from {{ ref('group_changes') }}
    union all
    select identifier_type, identifier from {{ ref('identifier_changes') }} where records = 0
{%- endmacro %}

{#- Ids whose holder is among them. -#}
{% macro ids_in_question(ids) -%}
    {%- set names = names_in_question() -%}
    {%- if is_partial() -%}
    (
        select ids.* from {{ ids }} as ids
        semi join ({{ names }}) as members
            on ids.holder_type = members.identifier_type
                and ids.holder_identifier = members.identifier
    )
    {%- else -%}
    {{ ids }}
    {%- endif -%}
{%- endmacro %}

{#- In a partial run also: ids without a holder that they were known by before, and those that share
    it. -#}
{% macro ids_without_holder(ids) -%}
    select ids.* from {{ ids }} as ids
    semi join (
        select known.holder_type, known.holder_identifier
        from {{ ids }} as known
        semi join {{ ref('mapping_before') }} as previous
            on known.profile_id = previous.profile_id
        anti join ({{ names_in_question() }}) as members
            on known.holder_type = members.identifier_type
                and known.holder_identifier = members.identifier
        anti join {{ ref('identifier_groups') }} as holders
            on known.holder_type = holders.identifier_type
                and known.holder_identifier = holders.identifier
    ) as lost on ids.holder_type = lost.holder_type
        and ids.holder_identifier = lost.holder_identifier
{%- endmacro %}

{#- The mapping of the groups that this run decides on. -#}
{% macro mapping_in_question() -%}
    {%- set changed -%}
    (
        select members.identifier_type, members.identifier, profiles.profile_id,
            members.first_seen_at
        from {{ ref('group_changes') }} as members
        inner join (
            select distinct group_node, current_profile_id as profile_id
                from {{ ref('profile_resolution') }}
            where group_node is not null
        ) as profiles on members.group_node = profiles.group_node
    )
    {%- endset -%}
    {{ partial_or_full(changed, ref('identifier_mapping')) }}
{%- endmacro %}
