{#- A layer's schema is named as in the lake, without the target's prefix. A replay of the past
    builds the features into a schema of its own, named by the variable features_schema. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name == 'features' -%}{{ var('features_schema', 'features') }}
    {%- else -%}{{ custom_schema_name if custom_schema_name is not none else target.schema }}
    {%- endif -%}
{%- endmacro %}
