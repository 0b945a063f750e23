{#- The relations of a schema. dbt asks this of every schema at every start; on a DuckLake the
    information schema answers from the statistics of every table (a second for 150 relations), the
    lake's own catalog from two small tables. -#}
{% macro names_in_schema(schema) -%}
    select entries.table_name
    from __ducklake_metadata_lake.ducklake_table as entries
    inner join __ducklake_metadata_lake.ducklake_schema as schemas
        on entries.schema_id = schemas.schema_id
    where schemas.schema_name = '{{ schema }}' and schemas.end_snapshot is null
        and entries.end_snapshot is null
{%- endmacro %}

{% macro duckdb__list_relations_without_caching(schema_relation) %}
    {%- call statement('list_relations_without_caching', fetch_result=True) -%}
    {%- if schema_relation.database == 'lake' %}
    {%- for kind in ['table', 'view'] %}
    select 'lake' as database, entries.{{ kind }}_name as name, schemas.schema_name as schema,
        '{{ kind }}' as type
    from __ducklake_metadata_lake.ducklake_{{ kind }} as entries
    inner join __ducklake_metadata_lake.ducklake_schema as schemas
        on entries.schema_id = schemas.schema_id
    where schemas.schema_name = '{{ schema_relation.schema }}'
        and schemas.end_snapshot is null and entries.end_snapshot is null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
    {%- elif schema_relation.database == 'memory' %}
    {#- Empty whenever dbt starts. -#}
    select '' as database, '' as name, '' as schema, '' as type where false
    {%- else %}
    select
        table_catalog as database, table_name as name, table_schema as schema,
        case table_type when 'VIEW' then 'view' else 'table' end as type
    from system.information_schema.tables
    where table_catalog = '{{ schema_relation.database }}'
        and table_schema = '{{ schema_relation.schema }}'
    {%- endif %}
    {%- endcall -%}
    {{ return(load_result('list_relations_without_caching').table) }}
{% endmacro %}
