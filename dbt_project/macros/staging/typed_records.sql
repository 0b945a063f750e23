{#-
Columns of a landed relation as types, each value judged. columns: name to a type, to [type, field] where the record
calls it otherwise, or to a mapping that column_spec describes.

A value that is no good costs its field: the column is NULL and `cleared` names it with the reason. Of a column in required
it costs the record: missing, invalid, too_early, too_late, beyond, unlisted and repeated name such columns. Never a value.
Besides: unread (names in the record that no column reads), values_landed and values_accepted (of the columns that
can be cleared).
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
                select *, {{ json_struct('_raw', fields) }} as record, {{ is_plain('_raw') }} as is_plain
                from {{ relation }}
            ) as structured
        ) as parsed
    {%- endset %}
    select * exclude (record, is_plain, keys)
    from ({{ judged_values(parsed, specs, required, fields.keys() | list + ignored) }}) as judged_values
{%- endmacro %}

{#-
The same of a relation that is parsed already: it has is_plain, keys (names in the record) and what the specs' texts read.
known: names in the record that are read, or known and left alone.
-#}
{% macro judged_values(relation, specs, required, known) -%}
    {%- set faults = faults_of(specs) %}
    select
        * exclude ({{ faults.values() | join(', ') }}) replace ({{ kept_values(specs) }}),
        {{ required_without(specs, required) }} as missing,
        {{ faulty_columns(specs, 'invalid_value') }} as invalid,
        {{ faulty_columns(specs, 'too_early') }} as too_early,
        {{ faulty_columns(specs, 'in_future') }} as too_late,
        {{ faulty_columns(specs, 'out_of_range') }} as beyond,
        {{ faulty_columns(specs, 'unknown_value') }} as unlisted,
        {{ json_repeated_keys('keys') }} as repeated,
        {{ json_unread_keys('keys', known) }} as unread,
        {{ cleared_columns(specs) }} as cleared,
        {{ values_counted(specs) }} as values_landed,
        {{ values_counted(specs, accepted=true) }} as values_accepted
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

{#- The value of each column that can be faulty, NULL where it is. -#}
{% macro kept_values(specs) -%}
    {%- for name, fault in faults_of(specs).items() %}
    case when {{ fault }} is null then {{ name }} end as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- Names of required columns that the record leaves empty, separated by commas. -#}
{% macro required_without(specs, required) -%}
    {%- set cases = [] -%}
    {%- for name in required -%}
        {%- do cases.append("case when " ~ filled(specs[name].text) ~ " is null then '" ~ name ~ "' end") -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{#- Names of columns whose fault of this code costs the record. -#}
{% macro faulty_columns(specs, code) -%}
    {%- set cases = [] -%}
    {%- for name, fault in faults_of(specs).items() if specs[name].on_fault == 'record' -%}
        {%- do cases.append("case when " ~ fault ~ " = '" ~ code ~ "' then '" ~ name ~ "' end") -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{#- 'column: reason' of each value that is cleared. -#}
{% macro cleared_columns(specs) -%}
    {%- set cases = [] -%}
    {%- for name, fault in faults_of(specs).items() if specs[name].on_fault == 'field' -%}
        {%- do cases.append("'" ~ name ~ ": ' || " ~ fault) -%}
    {%- endfor -%}
    {{ joined_names(cases) }}
{%- endmacro %}

{% macro joined_names(cases) -%}
    {%- if cases -%} nullif(concat_ws(', ', {{ cases | join(', ') }}), '') {%- else -%} cast(null as varchar) {%- endif -%}
{%- endmacro %}

{#- How many of the columns that can be cleared have a value in the record, or of those how many are accepted. -#}
{% macro values_counted(specs, accepted=false) -%}
    cast(0
    {%- for name, fault in faults_of(specs).items() if specs[name].on_fault == 'field' %}
        {%- set is_there = filled(specs[name].text) ~ ' is not null' if not accepted
            else name ~ ' is not null and ' ~ fault ~ ' is null' %}
        + case when {{ is_there }} then 1 else 0 end
    {%- endfor %} as smallint)
{%- endmacro %}
