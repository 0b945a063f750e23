{#-
The key of a record as it is known in the lake. The order `1` of one shop is not the order `1` of
another: a record of a mapped source names the owner of its keys (sources/readers/mapped.py), and
its key begins with that. source: the shipped one.
-#}
{% macro own_key(key, source, qualified='true') -%}
    case
        when _source = '{{ source }}' or not coalesce({{ qualified }}, false) then {{ key }}
        else coalesce({{ json_text('_raw', '_keys') }} || ':', '') || {{ key }}
    end
{%- endmacro %}
