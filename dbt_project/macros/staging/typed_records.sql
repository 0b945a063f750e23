{#-
Columns of a landed relation as types. columns: name to 'text', 'integer', 'amount', 'boolean', 'date',
'timestamp' or 'timestamp_ahead' (may lie in the future), or to [type, field] where the record calls it otherwise.

Besides the columns it gives what the record lacks: missing, invalid, too_early and too_late name columns, never values.
-#}
{% macro typed_records(relation, columns, required=[]) -%}
    {%- set fields = {} -%}
    {%- for name, spec in columns.items() -%}
        {%- do fields.update({spec[1] if spec is not string else name: 'text'}) -%}
    {%- endfor %}
    select
        *,
        {{ names_where(columns, required, 'missing') }} as missing,
        {{ names_where(columns, columns, 'invalid') }} as invalid,
        {{ names_where(columns, columns, 'too_early') }} as too_early,
        {{ names_where(columns, columns, 'too_late') }} as too_late
    from (
        select
            * exclude (record),
            record is not null as is_object,
            {%- for name, spec in columns.items() %}
            {{ typed_as(spec if spec is string else spec[0], 'record."' ~ (name if spec is string else spec[1]) ~ '"') }}
                as {{ name }},
            {%- endfor %}
            record,
            md5(cast(record as varchar)) as content_hash
        from (select *, {{ json_struct('_raw', fields) }} as record from {{ relation }}) as parsed
    ) as typed
{%- endmacro %}

{% macro typed_as(type, text) -%}
    {%- if type == 'text' -%} {{ filled(text) }}
    {%- elif type == 'integer' -%} {{ try_integer(filled(text)) }}
    {%- elif type == 'amount' -%} {{ try_amount(filled(text)) }}
    {%- elif type == 'boolean' -%} {{ try_boolean(filled(text)) }}
    {%- elif type == 'date' -%} {{ try_date(filled(text)) }}
    {%- elif type in ('timestamp', 'timestamp_ahead') -%} {{ try_timestamp(filled(text)) }}
    {%- else -%} {{ exceptions.raise_compiler_error("there is no column type '" ~ type ~ "'") }}
    {%- endif -%}
{%- endmacro %}

{#- Names of the columns a fault applies to, separated by commas; NULL when there is none. -#}
{% macro names_where(columns, names, fault) -%}
    {%- set cases = [] -%}
    {%- for name in names -%}
        {%- set spec = columns[name] -%}
        {%- set type = spec if spec is string else spec[0] -%}
        {%- set condition = fault_condition(fault, name, type, 'record."' ~ (name if spec is string else spec[1]) ~ '"') -%}
        {%- if condition -%}
            {%- do cases.append("case when " ~ condition ~ " then '" ~ name ~ "' end") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if cases -%} nullif(concat_ws(', ', {{ cases | join(', ') }}), '') {%- else -%} cast(null as varchar) {%- endif -%}
{%- endmacro %}

{#- Times before 1990 are a clock that was never set, dates before 1900 a placeholder; a day ahead allows for zones. -#}
{% macro fault_condition(fault, name, type, text) -%}
    {%- if fault == 'missing' -%} {{ filled(text) }} is null
    {%- elif fault == 'invalid' and type != 'text' -%} {{ name }} is null and {{ filled(text) }} is not null
    {%- elif fault == 'too_early' and type == 'date' -%} {{ name }} < date '1900-01-01'
    {%- elif fault == 'too_early' and type in ('timestamp', 'timestamp_ahead') -%} {{ name }} < timestamp '1990-01-01'
    {%- elif fault == 'too_late' and type in ('date', 'timestamp') -%} {{ name }} > _loaded_at + interval 1 day
    {%- elif fault == 'too_late' and type == 'timestamp_ahead' -%} {{ name }} >= timestamp '2200-01-01'
    {%- endif -%}
{%- endmacro %}
