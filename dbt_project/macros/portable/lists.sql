{#- One row for each expression of the list that is not NULL. -#}
{% macro each_known(expressions) -%}
    {{ adapter.dispatch('each_known')(expressions) }}
{%- endmacro %}

{% macro default__each_known(expressions) -%}
    unnest(list_filter([
        {%- for expression in expressions %}
        {{ expression }}{{ ',' if not loop.last }}
        {%- endfor %}
    ], lambda item: item is not null))
{%- endmacro %}
