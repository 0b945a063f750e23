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
