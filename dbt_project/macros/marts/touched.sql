{#- Before rows are appended to a relation that is kept: out with those of the visits touched. -#}
{% macro without_touched() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where session_id in (select session_id from {{ kept('touched_visits') }})
    {%- else -%}
    select 1
    {%- endif -%}
{%- endmacro %}
