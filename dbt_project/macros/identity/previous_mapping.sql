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

{#- Every profile_id given before this run; no row in the first run. -#}
{% macro given_profile_ids() -%}
    {%- set given = adapter.get_relation(this.database, this.schema, 'profile_ids') if execute else none -%}
    {%- if given is not none -%}
    select * from {{ given }}
    {%- else -%}
    select
        cast(null as varchar) as profile_id, cast(null as varchar) as holder_type,
        cast(null as varchar) as holder_identifier, cast(null as varchar) as born_type,
        cast(null as varchar) as born_identifier, cast(null as timestamp) as given_at,
        cast(null as timestamp) as first_seen_at
    where false
    {%- endif -%}
{%- endmacro %}
