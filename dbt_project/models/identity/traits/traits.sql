{{ config(
    materialized='incremental', incremental_strategy='append', pre_hook="{{ delete_affected() }}"
) }}
with

golden_changes as (
    select profile_id from {{ ref('golden_changes') }}
),

survivors as (
    select * from {{ ref('trait_provenance') }}
    {%- if is_golden_partial() %}
    where profile_id in (select profile_id from golden_changes)
    {%- endif %}
),

mapping as (
    select * from {{ ref('identifier_mapping') }}
    {%- if is_golden_partial() %}
    where profile_id in (select profile_id from golden_changes)
    {%- endif %}
),

profiles as (
    select
        profile_id,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(case when identifier_type = 'user_id' then identifier end) as user_id,
        min(case when identifier_type = 'crm_id' then identifier end) as crm_id,
        min(case when identifier_type = 'loyalty_id' then identifier end) as loyalty_id
    from mapping
    group by profile_id
),

flat as (
    select
        profile_id,
        max(case when trait = 'first_name' then value end) as first_name,
        max(case when trait = 'last_name' then value end) as last_name,
        max(case when trait = 'email' then value end) as email,
        max(case when trait = 'phone' then value end) as phone,
        try_cast(substr(max(case when trait = 'birth_date' then value end), 1, 10) as date)
            as birth_date,
        max(case when trait = 'gender' then value end) as gender,
        max(case when trait = 'country' then value end) as country,
        max(case when trait = 'region' then value end) as region,
        max(case when trait = 'city' then value end) as city,
        max(case when trait = 'postal_code' then value end) as postal_code,
        max(case when trait = 'income_band' then value end) as income_band,
        max(case when trait = 'marital_status' then value end) as marital_status,
        try_cast(try_cast(max(case when trait = 'household_size' then value end) as double)
            as integer) as household_size,
        max(case when trait = 'education' then value end) as education,
        max(case when trait = 'occupation' then value end) as occupation,
        max(case when trait = 'language' then value end) as language,
        max(case when trait = 'timezone' then value end) as timezone
    from survivors
    group by profile_id
)

select
    profiles.profile_id,
    flat.first_name,
    flat.last_name,
    flat.email,
    flat.phone,
    flat.birth_date,
    flat.gender,
    flat.country,
    flat.region,
    flat.city,
    flat.postal_code,
    flat.income_band,
    flat.marital_status,
    flat.household_size,
    flat.education,
    flat.occupation,
    flat.language,
    flat.timezone,
    profiles.loyalty_id,
    profiles.user_id,
    profiles.crm_id,
    profiles.first_seen_at,
    profiles.last_seen_at
from profiles
left join flat on profiles.profile_id = flat.profile_id
