{#- A value of a definition as SQL. -#}
{% macro definition_value(value) -%}
    {%- if value is none -%}null
    {%- elif value is number -%}{{ value }}
    {%- else -%}'{{ value | replace("'", "''") }}'
    {%- endif -%}
{%- endmacro %}

{#- The newest time at which a table of stays was changed; every evaluation must be at it or
    later. -#}
{% macro newest_change(relation, columns) -%}
    (
        select coalesce(max(greatest({{ columns | join(', ') }})), timestamp '0001-01-01')
            from {{ relation }}
    )
{%- endmacro %}
