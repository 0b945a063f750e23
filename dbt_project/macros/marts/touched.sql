{#- Before rows are appended to a relation that is kept: out with those of the people touched. '' is who nobody knows. -#}
{% macro without_touched() -%}
    {%- if is_incremental() -%}
    delete from {{ this }} where coalesce(profile_id, '') in (select profile_id from {{ kept('touched_people') }})
    {%- else -%}
    select 1
    {%- endif -%}
{%- endmacro %}
