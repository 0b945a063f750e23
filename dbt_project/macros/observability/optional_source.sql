{#- A relation that a stage writes itself, or no rows of its shape where that stage has not run yet.
    columns: name to type, of those the caller reads. -#}
{% macro optional_source(schema, name, columns) -%}
    {%- set relation = source(schema, name) -%}
    {%- if execute and adapter.get_relation(relation.database, relation.schema,
        relation.identifier) is not none -%}
    (select {{ columns | join(', ') }} from {{ relation }})
    {%- else -%}
    (select {% for column, type in columns.items() %}cast(null as {{ type }})
        as {{ column }}{{ ', ' if not loop.last }}{% endfor %} where false)
    {%- endif -%}
{%- endmacro %}
