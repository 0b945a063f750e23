{#- Removes the rows of the affected visits from an existing relation, before it appends new
    ones. -#}
{% macro remove_affected_visits() -%}
    {%- set touched_visits = ref('touched_visits') -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where session_id in (select session_id from {{ touched_visits }})
    {%- else -%}
    select 1
    {%- endif -%}
{%- endmacro %}
