{#-
Whether this run resolves only what has changed. `identity.resolution` decides that before dbt
starts. A run that starts without that decision resolves everything from the beginning.
-#}
{% macro is_partial() -%}
    {%- if not execute or flags.WHICH not in ('run', 'build') or flags.FULL_REFRESH -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(env_var('SEGMENTRY_IDENTITY_PARTIAL', '') == 'yes') }}
{%- endmacro %}

{#- Before rows are appended to a kept relation: remove those that they replace, or all of them if
    all are computed again. -#}
{% macro replace_rows(condition) -%}
    {%- if not is_incremental() -%}
    select 1
    {%- elif is_partial() -%}
    delete from {{ this }} as existing where {{ condition }}
    {%- else -%}
    delete from {{ this }}
    {%- endif -%}
{%- endmacro %}

{#- A relation of this layer as the previous run left it; NULL in the first run.

    Its name is a text, not a ref: the model that reads it builds before the one that replaces it
    (link_changes before identifier_links, touched_visits before events, membership_changes before
    dwell_states), so an edge would make a circle. Every other relation is a ref, taken before the
    branch that needs it: dbt parses as if each run were a rebuild, and an edge is what it parses.
-#}
{% macro kept(name) -%}
    {{ return(adapter.get_relation(target.database, this.schema, name) if execute else none) }}
{%- endmacro %}

{#- What to read: one relation in a partial run, another in a rebuild. Both are arguments, so dbt
    knows both edges. -#}
{% macro partial_or_full(partial, full) -%}
    {{ return(partial if is_partial() else full) }}
{%- endmacro %}

{#- The model builds after one that it does not read: that one reads what this one replaces, or must
    succeed before this one records it. -#}
{% macro build_after(relation) -%}
{%- endmacro %}
