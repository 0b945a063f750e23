with profiles as (

    select * from {{ ref('profiles') }}

),

rules as (

    select * from {{ ref('segment_rules') }}

),

coded as (

    select
        profile_id,
        {{ each_known(segment_codes()) }} as code
    from profiles

)

select
    rules.segment,
    coded.profile_id,
    coded.code % 2 = 0 as is_match
from coded
inner join rules on coded.code // 2 = rules.segment_number
{% for definition in segment_definitions() if definition.predicate is none %}

union all

select
    '{{ definition.segment }}',
    profile_id,
    true
from {{ ref(definition.segment) }}
{% endfor %}
