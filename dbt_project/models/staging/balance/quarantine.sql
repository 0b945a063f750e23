with

{% for name in landed_sources() %}
rejected_{{ name }} as (
    select _source, _file, _line, _batch_id, _loaded_at, _raw, record_id, reason, detail
    from {{ ref('base_' ~ name) }}
    where outcome = 'quarantined'
),

{% endfor -%}
held as (
    select _source, _file, _line, _batch_id, _loaded_at, _raw, record_id, reason, detail
    from {{ ref('held_records') }}
),

rejected as (
    {%- for name in landed_sources() %}
    select * from rejected_{{ name }}
    union all
    {%- endfor %}
    select * from held
)

select * from rejected
