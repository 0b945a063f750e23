{#- The columns together are a key without a NULL, and the columns named in filled have a value in
    each row. -#}
{% test keyed_by(model, columns, filled=[]) %}
select {{ columns | join(', ') }}
from {{ model }}
group by {{ columns | join(', ') }}
having
    count(*) > 1
    {%- for column in columns %}
    or {{ column }} is null
    {%- endfor %}
    {%- for column in filled %}
    or count({{ column }}) < count(*)
    {%- endfor %}
{% endtest %}
