{{ config(materialized='view') }}

with records as (
    select * from {{ ref('base_events') }}
    where outcome = 'accepted'
)

select
    record_id,
    event_id,
    type,
    event,
    page_name,
    anonymous_id,
    user_id,
    previous_id,
    group_id,
    event_at,
    received_at,
    product_id,
    product_name,
    category,
    brand,
    price,
    quantity,
    order_id,
    revenue,
    {{ stated_currency() }} as currency,
    search_query,
    device_id,
    device_type,
    os_name,
    browser_name,
    country,
    region,
    city,
    timezone,
    locale,
    utm_source,
    utm_medium,
    utm_campaign,
    referrer,
    page_path,
    page_url,
    user_agent,
    trait_email,
    trait_phone,
    consent,
    properties,
    traits,
    _batch_id,
    _file,
    _line
from records
