{#-
Aggregate: one JSON object of keys and values, in the order of the keys. value: text, or JSON itself
where is_json.
-#}
{% macro json_object_of(key, value, is_json=false) -%}
    {{ return(adapter.dispatch('json_object_of', 'segmentry')(key, value, is_json)) }}
{%- endmacro %}

{% macro default__json_object_of(key, value, is_json) -%}
    '{' || string_agg(
        to_json({{ key }}) || ':' || {{ value if is_json else 'to_json(' ~ value ~ ')' }}, ','
            order by {{ key }}
    ) || '}'
{%- endmacro %}

{% macro spark__json_object_of(key, value, is_json) -%}
    concat('{', array_join(array_sort(collect_list(concat(
        to_json({{ key }}), ':', {{ value if is_json else 'to_json(' ~ value ~ ')' }}
    ))), ','), '}')
{%- endmacro %}
