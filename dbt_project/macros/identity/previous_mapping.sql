{#- Whose each identifier was and when, as the run before left it; no row in the first run. -#}
{% macro mapping_history() -%}
    {%- set history = kept('id_mapping_scd') -%}
    {%- if history is not none -%}
    select identifier_type, identifier, profile_id, valid_from, valid_to from {{ history }}
    {%- else -%}
    select
        cast(null as varchar) as identifier_type, cast(null as varchar) as identifier,
        cast(null as varchar) as profile_id, cast(null as timestamp) as valid_from,
        cast(null as timestamp) as valid_to
    where false
    {%- endif -%}
{%- endmacro %}

{#- Its open periods; in a partial run those of identifiers that it decides on. -#}
{% macro previous_mapping() -%}
    {%- set mapping_before = ref('mapping_before') -%}
    {%- if is_partial() -%}
    select * from {{ mapping_before }}
    {%- else -%}
    select identifier_type, identifier, profile_id, valid_from
        from ({{ mapping_history() }}) as history where valid_to is null
    {%- endif -%}
{%- endmacro %}

{#- Every profile_id given before this run; no row in the first run. -#}
{% macro given_profile_ids() -%}
    {%- set given = kept('profile_ids') -%}
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

{#- Whether an operator has ever cut a link: without a cut nothing is restored, and nobody's history
    is looked at. -#}
{% macro has_cuts() -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') -%}
        {{ return(true) }}
    {%- endif -%}
    {{ return(run_query("select 1 from " ~ source('identity_policy', 'policy_cuts')
        ~ " limit 1").rows | length > 0) }}
{%- endmacro %}
