{#-
A feature model has exactly the rows of features.spine, each once, and a column whose `unknown` does
not begin with NULL is never NULL. One test and one scan for both: a test more per model costs more
than its rows.
-#}
{% test one_row_per_spine_row(model) %}
    {%- set known = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model'
            and node.name == model.identifier -%}
            {%- for column in node.columns.values() -%}
                {%- set unknown = column.config.meta.get('unknown', 'NULL') -%}
                {%- if not unknown.startswith('NULL') %}{% do known.append(column.name) %}{% endif
                    -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif %}
    with counted as (
        select
            profile_id,
            as_of,
            count(*) as times,
            count(*) filter (where false{% for name in known %} or {{ name }} is null{% endfor %})
                as unknowns
        from {{ model }}
        group by profile_id, as_of
    )

    select
        coalesce(counted.profile_id, spine.profile_id) as profile_id,
        counted.times, counted.unknowns
    from counted
    full join {{ ref('spine') }} as spine on counted.profile_id = spine.profile_id
        and counted.as_of = spine.as_of
    where counted.times is distinct from 1 or counted.unknowns > 0 or spine.profile_id is null
{% endtest %}
