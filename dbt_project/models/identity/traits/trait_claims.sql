{{ config(materialized='ephemeral') }}
{%- set crm_traits = [
    'first_name', 'last_name', 'birth_date', 'gender', 'country', 'region', 'city', 'postal_code',
    'income_band', 'marital_status', 'household_size', 'education', 'occupation',
] -%}
{%- set event_traits = {
    'first_name': json_text('traits', 'firstName'), 'last_name': json_text('traits', 'lastName'),
    'birth_date': 'trait_birthday', 'gender': 'trait_gender', 'country': 'country',
    'region': 'region', 'city': 'city', 'timezone': 'timezone',
    'language': "lower(substr(locale, 1, 2))",
    'device_type': 'device_type', 'os_name': 'os_name', 'browser_name': 'browser_name',
} -%}
{%- set answers = [
    'price_sensitivity', 'brand_loyalty', 'tech_affinity', 'research_habit', 'impulse_buying',
    'sustainability', 'luxury_interest',
] -%}
with

contacts as (
    select * from {{ ref('stg_crm_contacts__contacts') }}
    where coalesce(created_at, updated_at) < {{ as_of() }}
        and {{ belongs_to_affected('crm_id', 'contact_id') }}
),

events as (
    select * from {{ ref('stg_events__events') }}
    where
        event_at < {{ as_of() }}
        and ({{ belongs_to_affected('user_id', 'user_id') }}
            or (user_id is null and {{ belongs_to_affected('cookie', 'anonymous_id') }}))
),

responses as (
    select * from {{ ref('stg_surveys__responses') }}
    where
        submitted_at < {{ as_of() }}
        and ({{ belongs_to_affected('user_id', 'user_id') }}
            or (user_id is null and {{ belongs_to_affected('email', 'email') }}))
),

retail_orders as (
    select * from {{ ref('stg_online_retail__orders') }}
    where ordered_at < {{ as_of() }}
        and {{ belongs_to_affected('user_id', "'online_retail:' || customer_id") }}
),

places as (
    select
        anonymous_id, user_id, traits, trait_birthday, trait_gender, country, region, city,
        timezone, locale, device_type, os_name, browser_name,
        max(event_at) as observed_at, min(event_at) as first_at, max(record_id) as record_id,
        count(*) as records
    from events
    group by all
),

claims as (
    {%- for trait in crm_traits %}
    select
        'crm_id' as identifier_type, contact_id as identifier, '{{ trait }}' as trait,
        cast({{ trait }} as varchar) as value, 'crm_contacts' as source, record_id,
        coalesce(created_at, updated_at) as first_at,
        coalesce(updated_at, created_at) as observed_at, 1 as records
    from contacts
    union all
    {%- endfor %}
    {%- for trait, expression in event_traits.items() %}
    select
        case when user_id is not null then 'user_id' else 'cookie' end,
        coalesce(user_id, anonymous_id), '{{ trait }}',
        cast({{ expression }} as varchar), 'events', record_id, first_at, observed_at, records
    from places
    union all
    {%- endfor %}
    {%- for answer in answers %}
    select
        case when user_id is not null then 'user_id' else 'email' end, coalesce(user_id, email),
        '{{ answer }}', cast({{ answer }} as varchar), 'surveys', record_id, submitted_at,
        submitted_at, 1
    from responses
    union all
    {%- endfor %}
    select 'user_id', 'online_retail:' || customer_id, 'country', country, 'online_retail',
        record_id, ordered_at, ordered_at, 1
    from retail_orders
)

select
    identifier_type,
    identifier,
    trait,
    trim(value) as value,
    source,
    max(record_id) as record_id,
    min(first_at) as first_at,
    max(observed_at) as observed_at,
    cast(sum(records) as bigint) as records
from claims
where trim(value) <> '' and identifier is not null
group by identifier_type, identifier, trait, trim(value), source
