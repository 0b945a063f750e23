{#- The distinct values of a group as one text, in their order. -#}
{% macro joined_text(column) -%}
    {{ return(adapter.dispatch('joined_text', 'segmentry')(column)) }}
{%- endmacro %}

{% macro default__joined_text(column) -%}
    array_to_string(list_sort(list_distinct(list({{ column }}))), ',')
{%- endmacro %}

{% macro spark__joined_text(column) -%}
    array_join(array_sort(collect_set({{ column }})), ',')
{%- endmacro %}
