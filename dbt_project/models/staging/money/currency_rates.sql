with policy as (
    select * from {{ ref('reporting_currency') }}
),

rates as (
    select * from {{ ref('stg_exchange_rates__rates') }} where currency <> 'EUR'
),

-- A rate counts until the next one, at most for the days that the policy allows.
landed as (
    select
        rates.currency,
        rates.rate_date as valid_from,
        least(
            coalesce(
                lead(rates.rate_date) over (partition by rates.currency order by rates.rate_date),
                date '9999-12-31'
            ),
            rates.rate_date + cast(policy.max_rate_age_days + 1 as integer)
        ) as valid_to,
        rates.per_eur
    from rates
    cross join policy
),

quoted as (
    select * from landed
    union all
    select 'EUR', date '0001-01-01', date '9999-12-31', 1
),

reporting as (
    select quoted.* from quoted inner join policy on quoted.currency = policy.reporting_currency
)

select
    quoted.currency,
    greatest(quoted.valid_from, reporting.valid_from) as valid_from,
    least(quoted.valid_to, reporting.valid_to) as valid_to,
    cast(cast(reporting.per_eur as double) / quoted.per_eur as {{ type_rate() }}) as rate
from quoted
inner join reporting
    on quoted.currency <> reporting.currency
    and quoted.valid_from < reporting.valid_to and quoted.valid_to > reporting.valid_from
union all
select reporting_currency, date '0001-01-01', date '9999-12-31', cast(1 as {{ type_rate() }})
from policy
