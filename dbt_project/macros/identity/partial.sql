{#-
Whether this run resolves only what has changed. `segmentry.identity` decides that before dbt starts; every doubt, and
every run that dbt is asked for directly, is a no, and then everything is resolved from the beginning.
-#}
{% macro is_partial() -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') or flags.FULL_REFRESH -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(env_var('SEGMENTRY_IDENTITY_PARTIAL', '') == 'yes') }}
{%- endmacro %}

{#- Before rows are appended to a kept relation: out with those they replace; with all of them where all come anew. -#}
{% macro replace_rows(condition) -%}
    {%- if not is_incremental() -%}
    select 1
    {%- elif is_partial() -%}
    delete from {{ this }} as held where {{ condition }}
    {%- else -%}
    delete from {{ this }}
    {%- endif -%}
{%- endmacro %}

{#- A relation of this layer as the run before left it; NULL in the first run. -#}
{% macro kept(name) -%}
    {{ return(adapter.get_relation(target.database, this.schema, name) if execute else none) }}
{%- endmacro %}

{#- A relation that lives as long as the run: it stands in memory, for each one in the lake is a commit of the catalog. -#}
{% macro passed(name) -%}
    {{ return("memory." ~ this.schema ~ "." ~ name) }}
{%- endmacro %}

{#- Links that this run decides on: all, or those within the region that has changed. -#}
{% macro links_in_question() -%}
    {%- if is_partial() -%}
    (select * exclude (is_inside) from {{ ref('region_links') }} where is_inside)
    {%- else -%}
    {{ ref('identifier_links') }}
    {%- endif -%}
{%- endmacro %}

{#- Groups that this run decides on. -#}
{% macro groups_in_question() -%}
    {%- if is_partial() -%}
    (select * from {{ ref('identifier_groups') }} where node in (select node from {{ ref('region') }}))
    {%- else -%}
    {{ ref('identifier_groups') }}
    {%- endif -%}
{%- endmacro %}

{#- Ids whose holder is among them or is no more; and of those that they were known by before, the ones without holder. -#}
{% macro ids_in_question(ids) -%}
    {%- if is_partial() -%}
    {%- set members -%}
        select (identifier_type, identifier) as name from {{ groups_in_question() }} as members
        union all
        select (identifier_type, identifier) from {{ ref('identifier_changes') }} where records = 0
    {%- endset -%}
    (
        select ids.* from {{ ids }} as ids
        where (holder_type, holder_identifier) in (
            {{ members }}
            union all
            select (known.holder_type, known.holder_identifier)
            from {{ ids }} as known
            inner join ({{ previous_mapping() }}) as previous on known.profile_id = previous.profile_id
            anti join {{ ref('identifier_groups') }} as holders
                on known.holder_type = holders.identifier_type and known.holder_identifier = holders.identifier
            where (previous.identifier_type, previous.identifier) in ({{ members }})
        )
    )
    {%- else -%}
    {{ ids }}
    {%- endif -%}
{%- endmacro %}

{#- Identifiers whose group is found anew, or that are no more. -#}
{% macro regrouped() -%}
    node in (
        select node from {{ passed('region') }} union all select node from {{ passed('identifier_changes') }} where records = 0
    )
{%- endmacro %}

{#- Rows of the mapping of which this run may change the profile or the times. -#}
{% macro remapped() -%}
    (identifier_type, identifier) in (
        select (identifier_type, identifier) from {{ passed('identifier_changes') }}
        union all
        select (identifier_type, identifier) from {{ kept('identifiers') }}
        where node in (select node from {{ passed('region') }})
    )
{%- endmacro %}

{#- The mapping of the groups that this run decides on. -#}
{% macro mapping_in_question() -%}
    {%- if is_partial() -%}
    (
        select mapping.* from {{ ref('identifier_mapping') }} as mapping
        semi join {{ groups_in_question() }} as members
            on mapping.identifier_type = members.identifier_type and mapping.identifier = members.identifier
    )
    {%- else -%}
    {{ ref('identifier_mapping') }}
    {%- endif -%}
{%- endmacro %}
