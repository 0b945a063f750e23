{#-
Whether golden records are made for the people touched alone. A contact that is corrected shows in
its claims, for it is one record; of the other sources that say traits a record may be replaced
without a trace there, and then all are made again.
-#}
{% macro is_golden_partial() -%}
    {%- if not is_partial() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set replaced = replaced_sources() -%}
    {{ return(not ('events' in replaced or 'surveys' in replaced or 'online_retail' in replaced)) }}
{%- endmacro %}

{#- Condition: an identifier as written is of somebody touched. -#}
{% macro of_touched(type, value) -%}
    {%- if is_golden_partial() -%}
    {{ value }} in (
        select spellings.value from {{ ref('identifier_values') }} as spellings
        where
            spellings.identifier_type = '{{ type }}'
            and spellings.identifier in (
                select identifier from {{ passed('golden_changes') }}
                    where identifier_type = '{{ type }}'
            )
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{#- Before rows are appended: out with those of the people touched, or with all of them. -#}
{% macro replace_touched() -%}
    {%- if not is_incremental() -%}
    select 1
    {%- elif is_golden_partial() -%}
    delete from {{ this }} where profile_id in (select profile_id
        from {{ passed('golden_changes') }})
    {%- else -%}
    delete from {{ this }}
    {%- endif -%}
{%- endmacro %}
