with records as (
    select * from {{ ref('base_crm_contacts') }}
    where outcome = 'accepted'
),

-- An accepted record is unique by contact_id and updated_at: the newest state of each.
newest as (
    select *
    from records
    qualify row_number() over (partition by contact_id order by updated_at desc) = 1
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
