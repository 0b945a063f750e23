{#- A country as its code of ISO 3166-1, two letters. -#}
{% macro country_of(text) -%}
    {{ return(adapter.dispatch('country_of', 'segmentry')(text)) }}
{%- endmacro %}

{% macro default__country_of(text) -%} {{ text }} {%- endmacro %}
