{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows('node in (select node from ' ~ ref('identifier_changes') ~ ')') }}"
) }}
with

changes as (
    select * exclude (is_moved) from {{ ref('identifier_changes') }} where records > 0
),

spellings as (
    select * from {{ ref('identifier_values') }}
),

gathered as (
    {{ gathered_identifiers('select * from spellings') }}
)

select * from {{ partial_or_full('changes', 'gathered') }}
