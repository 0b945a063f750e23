{#- What base models noted of the values of accepted records, per batch. -#}
{% macro values_of(source, subject, sum_of) -%}
    select '{{ source }}', _batch_id, '{{ subject }}', cast(null as varchar), sum({{ sum_of }})
    from {{ ref('base_' ~ source) }}
    where outcome = 'accepted'
    group by _batch_id
{%- endmacro %}

{#- How often each entry of a column that lists names, separated by ', ', occurs. -#}
{% macro names_counted(source, subject, column) -%}
    select '{{ source }}', _batch_id, '{{ subject }}', name, count(*)
    from ({{ split_rows('select _batch_id, ' ~ column ~ ' as names from ' ~ ref('base_' ~ source)
        ~ ' where ' ~ column ~ ' is not null', 'names', 'name') }}) as listed
    group by _batch_id, name
{%- endmacro %}

{#- Batches of which a record or a value is lost: landed is not what was accepted and what was not. -#}
{% macro unbalanced_counts(model) -%}
with counts as (
    select
        source,
        batch_id,
        {%- for subject in ['records_landed', 'records_accepted', 'records_quarantined', 'records_duplicates',
            'records_quarantined_by_reason', 'values_landed', 'values_accepted', 'values_cleared'] %}
        coalesce(sum(counted) filter (where subject = '{{ subject }}'), 0) as {{ subject }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ model }}
    group by source, batch_id
)

select *
from counts
where
    records_landed <> records_accepted + records_quarantined + records_duplicates
    or records_quarantined <> records_quarantined_by_reason
    or values_landed <> values_accepted + values_cleared
{%- endmacro %}
