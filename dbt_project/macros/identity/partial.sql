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

{#- A relation of this layer as the run before left it; NULL in the first run. -#}
{% macro kept(name) -%}
    {{ return(adapter.get_relation(target.database, this.schema, name) if execute else none) }}
{%- endmacro %}

{#- A relation that lives as long as the run: it stands in memory, for each one in the lake is a
    commit of the catalog. -#}
{% macro passed(name) -%}
    {{ return("memory." ~ this.schema ~ "." ~ name) }}
{%- endmacro %}
