{#-
Whether golden records are built for affected people only. A contact that is corrected shows in its
claims, for it is one record; of the other sources with traits a record may be replaced without a
change there, and then all are rebuilt.
-#}
{% macro is_golden_partial() -%}
    {%- set replaced = replaced_sources() -%}
    {{ return(is_partial() and not ('events' in replaced or 'surveys' in replaced
        or 'online_retail' in replaced)) }}
{%- endmacro %}

{#- Condition: an identifier as written belongs to an affected person. -#}
{% macro belongs_to_affected(type, value) -%}
    {%- set golden_changes = ref('golden_changes') -%}
    {%- set identifier_values = ref('identifier_values') -%}
    {%- if is_golden_partial() -%}
    {{ value }} in (
        select spellings.value from {{ identifier_values }} as spellings
        where
            spellings.identifier_type = '{{ type }}'
            and spellings.identifier in (
                select identifier from {{ golden_changes }}
                    where identifier_type = '{{ type }}'
            )
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}

{#- Removes the rows of affected people, or all rows, before new ones are appended. -#}
{% macro delete_affected() -%}
    {%- set golden_changes = ref('golden_changes') -%}
    {%- set is_for_some = is_golden_partial() -%}
    {%- if not is_incremental() -%}
    select 1
    {%- elif is_for_some -%}
    delete from {{ this }} where profile_id in (select profile_id
        from {{ golden_changes }})
    {%- else -%}
    delete from {{ this }}
    {%- endif -%}
{%- endmacro %}
