{{ config(materialized='incremental', incremental_strategy='append', on_schema_change='fail') }}

{%- set columns = {'rate_date': {'type': 'date', 'field': 'Date',
    'text': iso_date_text('record."Date"')}} %}
{%- set codes = currency_codes().replace("'", '').split(',') | map('trim') | list %}

with landed as (
    {{ new_records('exchange_rates') }}
),

typed as (
    {{ typed_records('landed', columns, required=['rate_date'], ignored=codes + ['']) }}
),

judged as {{ streamed() }} (
    select
        -- The rates are fields of any name: the content is the whole text.
        * replace (md5(_raw) as content_hash),
        case when is_object then _raw end as rates,
        {{ first_fault(key=['rate_date'], checks=[[has_bad_rate('_raw'),
            'invalid_value: a rate']]) }} as fault,
        cast(rate_date as varchar) || '#' || md5(_raw) as record_key,
        -- A rate is no event of the shop: the run's clock does not follow it.
        cast(null as timestamp) as occurred_at
    from typed
),

{{ settled_records('judged') }}

select
    {{ settled_columns() }},
    rates,
    {{ columns.keys() | join(', ') }}
from settled
