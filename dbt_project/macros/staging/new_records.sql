{#-
Landed records of the batches that the model does not contain yet; all of them on its first build.

The batches are written into the SQL as literals: each landed file is a Parquet file of its own in
the lake, whose statistics then spare reading any other, so that a run costs what is new and not
what is there.
-#}
{% macro new_records(source_name) -%}
    select _source, _file, _line, _loaded_at, _batch_id, _raw, _problem
    from {{ source('raw', source_name) }}
    {%- if is_incremental() %}
    where {{ new_batches(source('raw', source_name)) }}
    {%- endif %}
{%- endmacro %}

{% macro new_batches(relation) -%}
    {%- set found = run_query(
        'select distinct _batch_id from ' ~ relation
            ~ ' where _batch_id not in (select _batch_id from ' ~ this
        ~ ') order by _batch_id') -%}
    {%- set batches = found.columns[0].values() -%}
    {%- if batches -%} _batch_id in ('{{ batches | join("', '") }}') {%-
        else -%} false {%- endif -%}
{%- endmacro %}
