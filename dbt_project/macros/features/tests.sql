{#- A feature model has exactly the rows of features.spine, each once. -#}
{% test one_row_per_spine_row(model) %}
    with held as (
        select profile_id, as_of, count(*) as times from {{ model }} group by profile_id, as_of
    )

    select coalesce(held.profile_id, spine.profile_id) as profile_id, held.times
    from held
    full join {{ ref('spine') }} as spine on held.profile_id = spine.profile_id and held.as_of = spine.as_of
    where held.times is distinct from 1 or spine.profile_id is null
{% endtest %}

{#- A column whose `unknown` does not begin with NULL is never NULL. -#}
{% test unknowns_as_documented(model) %}
    {%- set known = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == model.identifier -%}
            {%- for column in node.columns.values() -%}
                {%- set unknown = column.config.meta.get('unknown', 'NULL') -%}
                {%- if not unknown.startswith('NULL') %}{% do known.append(column.name) %}{% endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif %}
    select * from {{ model }}
    where false
    {%- for name in known %}
        or {{ name }} is null
    {%- endfor %}
{% endtest %}

{#- No two rows share these columns. -#}
{% test grain(model, columns) %}
    select {{ columns | join(', ') }}, count(*) as times
    from {{ model }}
    group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
