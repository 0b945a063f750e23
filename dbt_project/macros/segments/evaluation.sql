{#- One expression per segment: twice its number where the predicate holds, and one more where only stay_while does. -#}
{% macro segment_codes() -%}
    {%- set codes = [] -%}
    {%- for definition in segment_definitions() if definition.predicate is not none -%}
        {%- set number = 2 * definition.number -%}
        {%- do codes.append('case when ' ~ definition.predicate ~ ' then ' ~ number ~ ' end') -%}
        {%- if definition.stay_while is not none -%}
            {%- do codes.append(
                'case when (' ~ definition.stay_while ~ ') and not coalesce((' ~ definition.predicate
                ~ '), false) then ' ~ (number + 1) ~ ' end'
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(codes) }}
{%- endmacro %}

{#- A value of a definition as SQL. -#}
{% macro definition_value(value) -%}
    {%- if value is none -%}null
    {%- elif value is number -%}{{ value }}
    {%- else -%}'{{ value | replace("'", "''") }}'
    {%- endif -%}
{%- endmacro %}

{#- The newest time at which a table of stays was changed; every evaluation must be at it or later. -#}
{% macro newest_change(relation, columns) -%}
    (
        select coalesce(max(greatest({{ columns | join(', ') }})), timestamp '0001-01-01') from {{ relation }}
    )
{%- endmacro %}
