{#-
Whether this run resolves only what has changed. `identity.policy` decides that before dbt starts;
every doubt, and every run that dbt is asked for directly, is a no, and then everything is resolved
from the beginning.
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
    delete from {{ this }} as held where {{ condition }}
    {%- else -%}
    delete from {{ this }}
    {%- endif -%}
{%- endmacro %}

{#- A relation of this layer as the run before left it; NULL in the first run.

    Its name is a text, not a ref: whoever reads it builds before it does (link_changes before
    identifier_links, touched_visits before events, membership_changes before dwell_states), so that
    an edge would make a circle. Everything else is a ref, taken before the branch that needs it:
    dbt parses as if every run were whole, and an edge is what the parse has seen. -#}
{% macro kept(name) -%}
    {{ return(adapter.get_relation(target.database, this.schema, name) if execute else none) }}
{%- endmacro %}

{#- What to read: one relation in a partial run, another in a whole one. Both are arguments, so dbt
    knows both edges. -#}
{% macro partial_or_whole(partial, whole) -%}
    {{ return(partial if is_partial() else whole) }}
{%- endmacro %}

{#- The model builds after one that it does not read: that one still reads what this one replaces,
    or must have succeeded before this one may say so. -#}
{% macro build_after(relation) -%}
{%- endmacro %}
