{#- A column whose `unknown` does not begin with NULL is never NULL. -#}
{% test unknowns_as_documented(model) %}
    {%- set known = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model.identifier -%}
            {%- for column in node.columns.values() -%}
                {%- set unknown = column.config.meta.get('unknown', 'NULL') -%}
                {%- if not unknown.startswith('NULL') %}{% do known.append(column.name) %}{% endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif %}
    select * from {{ model }}
    where false
    {%- for name in known %}
        or {{ name }} is null
    {%- endfor %}
{% endtest %}
