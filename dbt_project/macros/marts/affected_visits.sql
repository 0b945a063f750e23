{#- Removes the rows of the affected visits from an existing relation, before it appends new
    ones. -#}
{% macro remove_affected_visits() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where session_id in (select session_id from {{ kept('touched_visits') }})
    {%- else -%}
    select 1
    {%- endif -%}
{%- endmacro %}
