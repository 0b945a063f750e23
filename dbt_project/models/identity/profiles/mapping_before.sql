{{ config(materialized='transient', database='memory') }}
{%- set names = names_in_question() -%}
{% if is_partial() -%}
with

members as (
    {{ names }}
)

select history.identifier_type, history.identifier, history.profile_id, history.valid_from
from {{ kept('id_mapping_scd') }} as history
semi join members
    on history.identifier = members.identifier and history.identifier_type = members.identifier_type
where history.valid_to is null
{%- else -%}
select
    cast(null as varchar) as identifier_type, cast(null as varchar) as identifier,
    cast(null as varchar) as profile_id, cast(null as timestamp) as valid_from
where false
{%- endif %}
