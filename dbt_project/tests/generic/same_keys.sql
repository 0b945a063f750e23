{#- The model and the relation have the same combinations of the columns. -#}
{% test same_keys(model, relation, columns) %}
(select {{ columns | join(', ') }} from {{ model }} except select {{ columns | join(', ') }}
    from {{ relation }})
union all
(select {{ columns | join(', ') }} from {{ relation }} except select {{ columns | join(', ') }}
    from {{ model }})
{% endtest %}
