with deferred as (
    select source, order_id, deferral_reason
    from {{ ref('order_rates') }}
    where deferral_reason is not null
),

placed as (
    select _source, _file, _line, _batch_id, _loaded_at, record_id, order_id
    from {{ ref('base_orders') }}
    where outcome = 'accepted'
),

invoices as (
    select _source, _file, _line, _batch_id, _loaded_at, record_id, invoice_id as order_id
    from {{ ref('base_online_retail') }}
    where outcome = 'accepted'
),

{% for name in ['orders', 'online_retail'] %}
raw_{{ name }} as (
    select _batch_id as batch_id, _line as line, _raw from {{ source('raw', name) }}
),

{% endfor -%}
records as (
    select placed.*, deferred.deferral_reason
    from placed
    inner join deferred on deferred.source = 'orders' and placed.order_id = deferred.order_id
    union all
    select invoices.*, deferred.deferral_reason
    from invoices
    inner join deferred
        on deferred.source = 'online_retail' and invoices.order_id = deferred.order_id
),

landed as (
    {%- for name in ['orders', 'online_retail'] %}
    select batch_id, line, _raw from raw_{{ name }}
    where exists (select 1 from deferred where deferred.source = '{{ name }}')
    {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    records._source,
    records._file,
    records._line,
    records._batch_id,
    records._loaded_at,
    landed._raw,
    records.record_id,
    records.deferral_reason as reason,
    case records.deferral_reason when 'unknown_rate' then 'currency' else 'total' end as detail
from records
left join landed
    on records._batch_id = landed.batch_id and records._line = landed.line
