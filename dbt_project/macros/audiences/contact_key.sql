{#- The form in which two writings of one identifier are compared; NULL for one that is empty. -#}
{% macro contact_key(expression) -%}
    nullif(lower(trim(cast({{ expression }} as varchar))), '')
{%- endmacro %}
