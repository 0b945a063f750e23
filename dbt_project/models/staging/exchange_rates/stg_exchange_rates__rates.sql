with accepted as (
    select * from {{ ref('base_exchange_rates') }} where outcome = 'accepted'
),

records as (
    select * from accepted
    qualify {{ is_newest_state('rate_date', 'rate_date') }}
),

fields as (
    {{ rate_fields('records', 'rates') }}
)

select
    record_id,
    rate_date,
    code as currency,
    cast(value as decimal(18, 8)) as per_eur
from fields
where code in ({{ currency_codes() }}) and try_cast(value as decimal(18, 8)) > 0
