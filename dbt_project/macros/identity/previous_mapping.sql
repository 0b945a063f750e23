{#- The open periods of id_mapping_scd as the run before left them; no row in the first run. -#}
{% macro previous_mapping() -%}
    {%- set history = adapter.get_relation(this.database, this.schema, 'id_mapping_scd') if execute else none -%}
    {%- if history is not none -%}
    select identifier_type, identifier, profile_id from {{ history }} where valid_to is null
    {%- else -%}
    select
        cast(null as varchar) as identifier_type, cast(null as varchar) as identifier,
        cast(null as varchar) as profile_id
    where false
    {%- endif -%}
{%- endmacro %}
