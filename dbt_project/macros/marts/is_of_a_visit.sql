{#- Whether an event is something that the person did. What a server decides about them is recorded
    as an event, and is no activity. -#}
{% macro is_of_a_visit(event) -%}
    {{ event }} is distinct from 'Decision Made'
{%- endmacro %}
