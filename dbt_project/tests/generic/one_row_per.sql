{#- The columns together are a key. -#}
{% test one_row_per(model, columns) %}
select {{ columns | join(', ') }} from {{ model }} group by {{ columns | join(', ') }}
    having count(*) > 1
{% endtest %}
