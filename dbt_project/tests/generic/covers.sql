{#- Every combination of the columns in the relation is in the model too. -#}
{% test covers(model, relation, columns) %}
select {{ columns | join(', ') }} from {{ relation }}
except
select {{ columns | join(', ') }} from {{ model }}
{% endtest %}
