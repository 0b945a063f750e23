{#- In front of a CTE that is used twice but must not be kept in memory as a whole: it is computed
    again. -#}
{% macro streamed() -%}
    {{ return(adapter.dispatch('streamed', 'segmentry')()) }}
{%- endmacro %}

{% macro default__streamed() -%} not materialized {%- endmacro %}

{% macro spark__streamed() -%} {%- endmacro %}
