{#- The newest rows that programs write name profiles of the relation. Older rows may name profiles
    of a lake that was emptied since. It is a test of the model that reads these rows, not of their
    sources: a test of a source also runs before the stage that writes it. -#}
{% test newest_scores_of(model, relation) %}
with

scores as (
    select profile_id, as_of from {{ source('ml', 'scores') }}
),

clusters as (
    select profile_id, as_of from {{ source('ml', 'cluster_assignments') }}
),

newest as (
    select profile_id from scores where as_of = (select max(as_of) from scores)
    union
    select profile_id from clusters where as_of = (select max(as_of) from clusters)
)

select profile_id from newest
except
select profile_id from {{ relation }}
{% endtest %}
