{{ config(materialized='view') }}
with

reach as (
    select profile_id, decision_id, purpose from {{ ref('waiting_reach') }}
)

select distinct profile_id
from reach
where starts_with(decision_id, 'restriction:') and purpose = 'any' and profile_id is not null
