{#- The last two reasons, which compare a person with others: one row per address, one sync of an
    exclusive group. -#}
{% macro candidate_verdict() -%}
    case
        when verdict <> 'eligible' then verdict
        when contact_rank > 1 then 'duplicate'
        when exclusive_group <> '' and sync_rank > 1 then 'other_sync'
        else 'eligible'
    end
{%- endmacro %}
