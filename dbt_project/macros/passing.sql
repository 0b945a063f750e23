{#-
A relation that one run hands from model to model and nobody reads afterwards: it stands in memory,
where it costs one statement. In the lake it would cost a commit of the catalog, which is more than
most of them take to compute.
-#}
{% materialization passing, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- call statement('main', language=model['language']) -%}
        {{- create_table_as(False, relation, compiled_code, model['language']) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{#- At the end of a dbt command: memory would be held by whatever else this process does. -#}
{% macro forget_passing() -%}
    drop schema if exists memory.identity cascade
{%- endmacro %}
