with refused as (

    select profile_id from {{ ref('profile_standings') }}
    where purpose = 'profiling' and channel = 'any' and is_refused and profile_id is not null

),

scores as (

    select * from {{ source('ml', 'scores') }}
    where as_of <= {{ as_of() }} and profile_id not in (select profile_id from refused)

),

clusters as (

    select * from {{ source('ml', 'cluster_assignments') }}
    where as_of <= {{ as_of() }} and profile_id not in (select profile_id from refused)

),

placed_scores as (

    select
        *,
        row_number() over (partition by profile_id, model order by as_of desc, model_version desc)
            as place
    from scores

),

placed_clusters as (

    select
        *,
        row_number() over (partition by profile_id order by as_of desc, model_version desc) as place
    from clusters

),

newest_scores as (

    select
        profile_id,
        {% for model in choice_models() %}
        max(outcome) filter (where model = '{{ model }}') as {{ model }},
        {% endfor %}
        {% for model in scored_models() %}
        max(score) filter (where model = '{{ model }}')
            as {{ model }}_score{{ ',' if not loop.last }}
        {% endfor %}
    from placed_scores
    where place = 1
    group by profile_id

),

newest_clusters as (

    select profile_id, cluster_id, persona, confidence as persona_confidence
    from placed_clusters
    where place = 1

)

select
    coalesce(newest_scores.profile_id, newest_clusters.profile_id) as profile_id,
    {% for model in scored_models() %}
    newest_scores.{{ model }}_score,
    {% endfor %}
    {% for model in choice_models() %}
    newest_scores.{{ model }},
    {% endfor %}
    newest_clusters.cluster_id,
    newest_clusters.persona,
    newest_clusters.persona_confidence
from newest_scores
full join newest_clusters on newest_scores.profile_id = newest_clusters.profile_id
