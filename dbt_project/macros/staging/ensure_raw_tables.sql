{#- Creates an empty raw table for each declared one that is not there, so that an empty lake
    builds. -#}
{% macro ensure_raw_tables() -%}
    {%- if execute and flags.WHICH in ('build', 'run', 'test') -%}
        {%- set found = run_query(names_in_schema('raw')) -%}
        {%- set there = found.columns[0].values() -%}
        {%- for source in graph.sources.values() if source.source_name == 'raw'
            and source.name not in there -%}
            {%- do run_query(
                'create table if not exists ' ~ target.database ~ '.raw."' ~ source.name ~ '" ('
                ~ '_source varchar, _file varchar, _line bigint, _loaded_at timestamp, '
                ~ '_batch_id varchar, '
                ~ '_raw varchar, _problem varchar)') -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
