with membership_history as (

    select * from {{ ref('membership_history') }}

)

select
    segment,
    profile_id,
    entered_at,
    definition_version
from membership_history
where left_at is null
