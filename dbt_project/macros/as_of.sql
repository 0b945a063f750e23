{#- The run's clock, naive UTC: a scalar subquery, so that a new run needs no new parse. Unit tests
    override it. -#}
{% macro as_of() -%}
    (select as_of from {{ source('observability', 'clock') }})
{%- endmacro %}
