with

survivors as (
    select * from {{ ref('trait_provenance') }} where value is not null
),

attribute_groups as (
    select profile_id, attribute_group, {{ json_object_of('trait', 'value') }} as traits
    from survivors
    group by profile_id, attribute_group
)

select
    profile_id,
    {{ json_object_of('attribute_group', 'traits', is_json=true) }} as attributes
from attribute_groups
group by profile_id
