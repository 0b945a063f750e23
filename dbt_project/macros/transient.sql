{#-
A relation that only the models of one run read: it is in memory, where it costs one statement. In
the lake it would cost a commit of the catalog, which takes longer than most of them take to
compute.
-#}
{% materialization transient, adapter='duckdb', supported_languages=['sql', 'python'] %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- do run_query('drop table if exists ' ~ relation) -%}
    {%- call statement('main', language=model['language']) -%}
        {{- create_table_as(False, relation, compiled_code, model['language']) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{ return({'relations': [relation]}) }}
{% endmaterialization %}

{#- Drops them at the end of a dbt command, because the process may go on and would keep the
    memory. -#}
{% macro drop_transient_relations() -%}
    drop schema if exists memory.identity cascade
{%- endmacro %}
