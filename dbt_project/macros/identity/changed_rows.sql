{#- Identifiers whose group is computed again, or that do not exist any more. -#}
{% macro regrouped() -%}
    node in (
        select node from {{ ref('region') }} union all select node
            from {{ ref('identifier_changes') }} where records = 0
    )
{%- endmacro %}

{#- Rows of the mapping of which this run may change the profile or the times. -#}
{% macro remapped() -%}
    {%- set names -%}
        select identifier_type, identifier from {{ ref('identifier_changes') }}
        union all
        select identifier_type, identifier from {{ ref('group_changes') }}
    {%- endset -%}
    {{ named('identifier', names) }}
{%- endmacro %}

{#- Links that are new, stated again, or not stated any more; nodes are numbers, which are found
    sooner than keys. -#}
{% macro changed_links() -%}
    left_node in (select left_node from {{ ref('link_changes') }})
    and right_node in (select right_node from {{ ref('link_changes') }})
    and (left_node, right_node, rule) in (select (left_node, right_node, rule)
        from {{ ref('link_changes') }})
{%- endmacro %}

{#- Rows whose type and text a query contains; the text is compared first, for pairs are slow to
    compare. -#}
{% macro named(column, names) -%}
    {{ column }} in (select {{ column }} from ({{ names }}) as names)
    and (identifier_type, {{ column }}) in (select (identifier_type, {{ column }})
        from ({{ names }}) as names)
{%- endmacro %}
