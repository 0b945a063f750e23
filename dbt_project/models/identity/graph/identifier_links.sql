{{ config(
    materialized='incremental', incremental_strategy='append',
    pre_hook="{{ replace_rows(changed_links()) }}"
) }}
with

changes as (
    select * exclude (is_moved) from {{ ref('link_changes') }} where records > 0
),

all_claims as (
    select * from {{ ref('identifier_claims') }}
),

spellings as {{ streamed() }} (
    select identifier_type, value, country, identifier from {{ ref('identifier_values') }}
),

identifiers as (
    select * from {{ ref('identifiers') }}
),

stated as (
    {{ gathered_links(
        stated_links('select * from all_claims', 'select * from spellings'), 'identifiers'
    ) }}
)

select * from {{ partial_or_full('changes', 'stated') }}
