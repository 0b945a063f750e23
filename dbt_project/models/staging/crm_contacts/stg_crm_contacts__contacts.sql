with records as (
    select * from {{ ref('base_crm_contacts') }}
    where outcome = 'accepted'
),

newest as (
    select *
    from records
    qualify {{ is_newest_state('contact_id', 'updated_at') }}
)

select
    record_id,
    contact_id,
    email,
    phone,
    first_name,
    last_name,
    birth_date,
    gender,
    country,
    region,
    city,
    postal_code,
    income_band,
    marital_status,
    household_size,
    education,
    occupation,
    loyalty_id,
    user_id,
    lifecycle_stage,
    lead_source,
    created_at,
    updated_at,
    _batch_id,
    _file,
    _line
from newest
