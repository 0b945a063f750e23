{#-
Columns of a landed relation as types, each value judged. columns: name to a type, to [type, field]
where the record calls it otherwise, or to a mapping that column_spec describes.

A value that is no good costs its field: the column is NULL and `cleared` names it with the reason.
Of a column in required it costs the record: missing, invalid, lost, void, too_early, too_late,
beyond, unlisted and repeated name such columns. Never a value. Besides: unread (names in the record
that no column reads), fields_accepted and fields_empty (names of the other columns that have a
value, and that have none).
-#}
{% macro typed_records(relation, columns, required=[], ignored=[]) -%}
    {%- set specs = column_specs(columns, required) -%}
    {%- set fields = {} -%}
    {%- for spec in specs.values() -%}{%- do fields.update({spec.field: 'text'}) -%}{%- endfor %}
    {%- set parsed -%}
        (
            select
                *,
                record is not null as is_object,
                case when record is not null then {{ json_keys('_raw') }} end as keys,
                md5(cast(record as varchar)) as content_hash
            from (
                select *, {{ json_struct('_raw', fields) }} as record,
                    {{ is_plain('_raw') }} as is_plain
                from {{ relation }}
            ) as structured
        ) as parsed
    {%- endset %}
    select * exclude (record, is_plain, keys)
    from ({{ judged_values(parsed, specs, required, fields.keys() | list + ignored) }})
        as judged_values
{%- endmacro %}

{#-
The same of a relation that is parsed already: it has is_plain, keys (names in the record) and what
the specs' texts read.
known: names in the record that are read, or known and left alone.
-#}
{% macro judged_values(relation, specs, required, known) -%}
    select
        * exclude ({{ faults_of(specs).values() | join(', ') }}),
        {{ required_without(specs, required) }} as missing,
        {{ faulty_columns(specs, 'invalid_value') }} as invalid,
        {{ faulty_columns(specs, 'lost_digits') }} as lost,
        {{ faulty_columns(specs, 'placeholder') }} as void,
        {{ faulty_columns(specs, 'too_early') }} as too_early,
        {{ faulty_columns(specs, 'in_future') }} as too_late,
        {{ faulty_columns(specs, 'out_of_range') }} as beyond,
        {{ faulty_columns(specs, 'unknown_value') }} as unlisted,
        {{ json_repeated_keys('keys') }} as repeated,
        {{ json_unread_keys('keys', known + ['_keys']) }} as unread
    from ({{ judged_fields(relation, specs) }}) as judged_fields
{%- endmacro %}

{#-
Each column of the specs as its type, NULL where it has a fault, with the columns of its faults (see
faults_of), cleared, fields_accepted and fields_empty. The relation has is_plain and what the specs'
texts read.
-#}
{% macro judged_fields(relation, specs) -%}
    {%- set faults = faults_of(specs) %}
    select
        * replace ({{ kept_values(specs) }}),
        {{ cleared_columns(specs) }} as cleared,
        {{ fields_accepted(specs) }} as fields_accepted,
        {{ fields_empty(specs) }} as fields_empty
    from (
        select
            *,
            {%- for name, fault in faults.items() %}
            {{ fault_of(name, specs[name]) }} as {{ fault }}{{ ',' if not loop.last }}
            {%- endfor %}
        from (
            select
                *,
                {%- for name, spec in specs.items() %}
                {{ typed_as(spec, spec.text) }} as {{ name }}{{ ',' if not loop.last }}
                {%- endfor %}
            from {{ relation }}
        ) as typed
    ) as faulted
{%- endmacro %}
