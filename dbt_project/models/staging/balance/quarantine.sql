with rejected as (
    {%- for name in landed_sources() %}
    select _source, _file, _line, _batch_id, _loaded_at, _raw, record_id, reason, detail
    from {{ ref('base_' ~ name) }}
    where outcome = 'quarantined'
    union all
    {%- endfor %}
    select _source, _file, _line, _batch_id, _loaded_at, _raw, record_id, reason, detail
    from {{ ref('held_records') }}
)

select * from rejected
