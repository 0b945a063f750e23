{#- The newest rows of what a program writes name profiles that identity has given. Older rows may
    name profiles of a lake that was emptied since. -#}
{% test given_profile_ids_alone(model, relation) %}
select profile_id from {{ model }} where as_of = (select max(as_of) from {{ model }})
except
select profile_id from {{ relation }}
{% endtest %}
