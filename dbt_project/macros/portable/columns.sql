{#- All columns of a relation but some. -#}
{% macro all_but(relation, columns) -%}
    {{ adapter.dispatch('all_but')(relation, columns) }}
{%- endmacro %}

{% macro default__all_but(relation, columns) -%}
    {{ relation }}.* exclude ({{ columns | join(', ') }})
{%- endmacro %}

{#- The value of the latest row that has one; the id orders rows of the same time. -#}
{% macro latest_known(value, at, id) -%}
    {{ adapter.dispatch('latest_known')(value, at, id) }}
{%- endmacro %}

{% macro default__latest_known(value, at, id) -%}
    max_by({{ value }}, row({{ at }}, {{ id }})) filter (where {{ value }} is not null)
{%- endmacro %}

{#- The value of the earliest row that has one. -#}
{% macro earliest_known(value, at, id) -%}
    {{ adapter.dispatch('earliest_known')(value, at, id) }}
{%- endmacro %}

{% macro default__earliest_known(value, at, id) -%}
    min_by({{ value }}, row({{ at }}, {{ id }})) filter (where {{ value }} is not null)
{%- endmacro %}
