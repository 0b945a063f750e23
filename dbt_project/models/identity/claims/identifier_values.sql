{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(
        named('value', 'select identifier_type, value from ' ~ ref('spelling_changes'))
    ) }}"
) }}
with

changes as (
    select * from {{ ref('spelling_changes') }} where records > 0
),

all_claims as (
    select * from {{ ref('identifier_claims') }}
),

judged as (
    {{ judged_spellings('select * from all_claims') }}
)

select * from {{ partial_or_full('changes', 'judged') }}
