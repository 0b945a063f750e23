{#- Accepted records of a base model, or of a relation of the same shape, by the names in one of its
    columns. -#}
{% macro names_counted(source, subject, column, relation=none) -%}
    select '{{ source }}', _batch_id, '{{ subject }}', name, sum(records)
    from ({{ split_rows('select _batch_id, ' ~ column ~ ' as names, count(*) as records from '
        ~ (relation or ref('base_' ~ source)) ~ ' where ' ~ column
            ~ ' is not null group by _batch_id, ' ~ column,
        'names', 'name') }}) as listed
    group by _batch_id, name
{%- endmacro %}

{#-
The outcome of the optional columns: accepted, cleared (by reason) and empty, each taken from
another place of the base model. What landed of a column is every accepted record, or every item of
one. prefix: what the columns belong to.
-#}
{% macro values_counted(source, relation=none, prefix='') -%}
    {%- set from_ = relation or ref('base_' ~ source) -%}
    {%- set lists = {'accepted': 'fields_accepted', 'cleared': 'cleared',
        'empty': 'fields_empty'} -%}
    select '{{ source }}', _batch_id, subject, '{{ prefix }}' || name, counted
    from (
        {%- for outcome, column in lists.items() %}
        {{ names_counted(source, 'values_' ~ outcome, column, from_) }}
        {{ 'union all' if not loop.last }}
        {%- endfor %}
    ) as lists (source, _batch_id, subject, name, counted)
    union all
    select '{{ source }}', landed._batch_id, 'values_landed', '{{ prefix }}' || columns.name,
        landed.counted
    from (
        select _batch_id, count(*) as counted from {{ from_ }}
        {{ "where outcome = 'accepted'" if relation is none }}
        group by _batch_id
    ) as landed
    cross join (
        select distinct split_part(name, ': ', 1) as name
        from (
            {%- for outcome, column in lists.items() %}
            {{ names_counted(source, 'values_' ~ outcome, column, from_) }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as lists (source, _batch_id, subject, name, counted)
    ) as columns
{%- endmacro %}

{#- Names as they may be shown: one that does not look like the name of a thing may be a value. -#}
{% macro shown_name(text) -%}
    coalesce({{ regex_whole(text, "[A-Za-z][A-Za-z0-9_. -]{0,49}") }}, '(other)')
{%- endmacro %}

{#- Batches of which a record, or a column of which a value, is lost: the outcomes do not add up to
    what landed. -#}
{% macro unbalanced_counts(model) -%}
with counts as (
    select
        source,
        batch_id,
        case when subject like 'values_%' then split_part(name, ': ', 1) end as name,
        {%- for subject in ['records_landed', 'records_accepted', 'records_quarantined',
            'records_duplicates',
            'records_quarantined_by_reason', 'values_landed', 'values_accepted', 'values_cleared',
            'values_empty'] %}
        coalesce(sum(counted) filter (where subject = '{{ subject }}'), 0)
            as {{ subject }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ model }}
    group by source, batch_id, case when subject like 'values_%' then split_part(name, ': ', 1) end
)

select *
from counts
where
    records_landed <> records_accepted + records_quarantined + records_duplicates
    or records_quarantined <> records_quarantined_by_reason
    or values_landed <> values_accepted + values_cleared + values_empty
{%- endmacro %}
